import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSseDecoder, decodeSse, encodeSse, isTransportError, type SseFrame } from '../src/index.ts';
import { bytesOf, chunked, collect, splitAt, stream } from './support/bytes.ts';

interface Vector {
  name: string;
  hex: string;
  events: { type: string; data: string; lastEventId: string }[];
  finalLastEventId?: string;
  retry?: number | null;
}
const { vectors } = JSON.parse(readFileSync(new URL('../../../vectors/sse.json', import.meta.url), 'utf8')) as {
  vectors: Vector[];
};

/**
 * What an EventSource would make of the frames: events with the id that counts for them, the last id, the last retry.
 */
const asEventSource = (frames: SseFrame[]) => {
  let lastEventId = '';
  let retry: number | null = null;
  const events: Vector['events'] = [];
  for (const frame of frames) {
    if (frame.id !== undefined) lastEventId = frame.id;
    if (frame.retry !== undefined) retry = frame.retry;
    if (frame.data !== undefined) events.push({ type: frame.event ?? 'message', data: frame.data, lastEventId });
  }
  return { events, lastEventId, retry };
};

/** A comment and a retry are frames of their own; a line ending inside a value becomes LF. */
const canonical = (frame: SseFrame): SseFrame[] => {
  const frames: SseFrame[] = [];
  const lf = (value: string) => value.replace(/\r\n|\r/g, '\n');
  if (frame.comment !== undefined)
    frames.push(
      ...lf(frame.comment)
        .split('\n')
        .map((comment) => ({ comment })),
    );
  if (frame.retry !== undefined) frames.push({ retry: frame.retry });
  const { event, data, id } = frame;
  if (data !== undefined || id !== undefined)
    frames.push({
      ...(data !== undefined && { data: lf(data) }),
      ...(event !== undefined && { event }),
      ...(id !== undefined && { id }),
    });
  return frames;
};

const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: fc.constantFrom('\r', '\n', '\r\n', ' ', ':', 'a', '\u0000', '\u2028', '\ufeff', '😀', 'data: ') }),
);
const name = fc.string({ unit: fc.constantFrom('a', ' ', ':', '.', 'é', '😀', '\u2028'), minLength: 1, maxLength: 8 });
const id = fc.stringMatching(/^[A-Za-z0-9._~-]{1,128}$/);
const frame: fc.Arbitrary<SseFrame> = fc
  .record(
    { event: name, data: text, id, retry: fc.integer({ min: 0, max: 2 ** 31 - 1 }), comment: text },
    { requiredKeys: [] },
  )
  .filter((value) => Object.keys(value).length > 0 && (value.event === undefined || value.data !== undefined));

describe('the vectors of the SSE grammar', () => {
  for (const vector of vectors) {
    it(vector.name, async () => {
      const bytes = Uint8Array.from(Buffer.from(vector.hex, 'hex'));
      const cuts: Uint8Array[][] = [[bytes], [...bytes].map((byte) => Uint8Array.of(byte))];
      for (let at = 0; at <= bytes.length; at++) cuts.push(splitAt(bytes, [at]));
      for (const chunks of cuts) {
        const seen = asEventSource(await collect(decodeSse(stream(chunks))));
        expect(seen.events).toEqual(vector.events);
        if (vector.finalLastEventId !== undefined) expect(seen.lastEventId).toBe(vector.finalLastEventId);
        if (vector.retry !== undefined) expect(seen.retry).toBe(vector.retry);
      }
    });
  }
});

describe('laws', () => {
  it('decode(encode(x)) = x, under any chunking', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(frame), chunked, async (frames, cut) => {
        const bytes = bytesOf(frames.map(encodeSse).join(''));
        expect(await collect(decodeSse(stream(cut(bytes))))).toEqual(frames.flatMap(canonical));
      }),
    );
  });

  it('decoding does not depend on the chunking, whatever the bytes are', async () => {
    const soup = fc.string({
      unit: fc.constantFrom(
        'data:',
        'id: 1',
        'event: e',
        ':c',
        'retry: 7',
        ' ',
        '\r',
        '\n',
        '\n\n',
        'é',
        '\ufeff',
        '\u0000',
      ),
    });
    await fc.assert(
      fc.asyncProperty(soup, chunked, async (input, cut) => {
        const bytes = bytesOf(input);
        expect(await collect(decodeSse(stream(cut(bytes))))).toEqual(await collect(decodeSse(stream([bytes]))));
      }),
    );
  });

  it('no value can add a field that the frame does not have', async () => {
    await fc.assert(
      fc.asyncProperty(text, text, async (data, comment) => {
        const frames = await collect(decodeSse(stream([bytesOf(encodeSse({ data, comment }))])));
        expect(new Set(frames.flatMap((one) => Object.keys(one)))).toEqual(new Set(['data', 'comment']));
        expect(frames.filter((one) => one.data !== undefined)).toHaveLength(1);
      }),
    );
  });
});

describe('encodeSse', () => {
  it('writes a frame of data alone as the Python SDK does', () => {
    expect(encodeSse({ data: '{"type":"thread.created"}' })).toBe('data: {"type":"thread.created"}\n\n');
  });

  it('writes the priming frame and the terminal frame', () => {
    expect(encodeSse({ id: '1-0', retry: 2000 })).toBe('retry: 2000\nid: 1-0\n\n');
    expect(encodeSse({ event: 'end', id: '1-9', data: 'completed' })).toBe('event: end\nid: 1-9\ndata: completed\n\n');
  });

  const refused: [string, SseFrame][] = [
    ['an event name that ends its block and adds an event', { event: 'a\n\nevent: admin\ndata: pwned', data: '' }],
    ['CR in an event name', { event: 'a\rdata: x', data: '' }],
    ['NUL in an event name', { event: 'a\u0000', data: '' }],
    ['an empty event name', { event: '', data: '' }],
    ['an event name without data', { event: 'end' }],
    ['CR in an id', { id: '1\rdata: x' }],
    ['NUL in an id', { id: '1\u0000' }],
    ['an id outside ASCII', { id: '…' }],
    ['an id of 129 characters', { id: 'x'.repeat(129) }],
    ['an empty id', { id: '' }],
    ['an id with a trailing line break', { id: '1\n' }],
    ['retry as text', { retry: '1\ndata: r' as never }],
    ['retry NaN', { retry: Number.NaN }],
    ['retry -1', { retry: -1 }],
    ['retry 1.5', { retry: 1.5 }],
    ['retry 3e9', { retry: 3e9 }],
    ['nothing', {}],
  ];
  for (const [what, value] of refused)
    it(`refuses ${what}`, () => {
      expect(() => encodeSse(value)).toThrowError(
        expect.toSatisfy((error: unknown) => isTransportError(error, 'transport.invalid_frame')),
      );
    });

  it('keeps every line of data and comments inside its field', () => {
    expect(encodeSse({ data: 'l1\rl2\nevent: evil\r\nl4' })).toBe(
      'data: l1\ndata: l2\ndata: event: evil\ndata: l4\n\n',
    );
    expect(encodeSse({ comment: 'x\n\ndata: y' })).toBe(': x\n: \n: data: y\n\n');
  });

  it('leaves U+2028 alone and turns a lone surrogate into U+FFFD', async () => {
    const [seen] = await collect(decodeSse(stream([bytesOf(encodeSse({ data: 'a\u2028b\ud800c' }))])));
    expect(seen?.data).toBe('a\u2028b\ufffdc');
  });
});

describe('decodeSse', () => {
  const limit = { maxEventBytes: 64 };
  const isTooLarge = expect.toSatisfy((error: unknown) => isTransportError(error, 'transport.invalid_frame'));
  const everyWay = (input: string) => {
    const bytes = bytesOf(input);
    return [[bytes], [...bytes].map((byte) => Uint8Array.of(byte)), splitAt(bytes, [bytes.length >> 1])];
  };

  it('takes an event of exactly maxEventBytes, in one line or in many, and refuses one byte more', async () => {
    for (const data of ['x'.repeat(64), `${'é'.repeat(30)}abcd`, `${'x'.repeat(31)}\n${'y'.repeat(32)}`])
      for (const chunks of everyWay(encodeSse({ data })))
        expect(await collect(decodeSse(stream(chunks), limit))).toEqual([{ data }]);
    for (const data of ['x'.repeat(65), 'é'.repeat(33), `${'x'.repeat(32)}\n${'y'.repeat(32)}`])
      for (const chunks of everyWay(encodeSse({ data })))
        await expect(collect(decodeSse(stream(chunks), limit))).rejects.toEqual(isTooLarge);
  });

  it('bounds names, ids and comments as well', async () => {
    for (const line of [
      `event: ${'x'.repeat(65)}\ndata:\n\n`,
      `id: ${'x'.repeat(65)}\ndata:\n\n`,
      `id: ${'x'.repeat(65)}\n\n`,
      `: ${'x'.repeat(65)}\n\n`,
    ])
      for (const chunks of everyWay(line))
        await expect(collect(decodeSse(stream(chunks), limit))).rejects.toEqual(isTooLarge);
  });

  it('delivers what came before an event that is too large, then fails, then has let go of the source', async () => {
    let closed = 0;
    const source = (async function* () {
      try {
        yield bytesOf(`data: a\n\ndata: ${'x'.repeat(100)}\n\ndata: b\n\n`);
        yield bytesOf('data: c\n\n');
      } finally {
        closed++;
      }
    })();
    const frames = decodeSse(source, limit);
    expect(await frames.next()).toEqual({ value: { data: 'a' }, done: false });
    await expect(frames.next()).rejects.toEqual(isTooLarge);
    expect(await frames.next()).toEqual({ value: undefined, done: true });
    expect(closed).toBe(1);
  });

  it('delivers nothing behind an event that is too large', () => {
    const frames: SseFrame[] = [];
    const decoder = createSseDecoder((frame) => frames.push(frame), limit);
    const rest = 'retry: 1\n: b\nid: 1\n\ndata: b\n\n';
    expect(() => decoder.pushText(`data: a\n\ndata: ${'x'.repeat(65)}\n\n${rest}`)).toThrow();
    expect(() => decoder.pushText(rest)).toThrow();
    expect(frames).toEqual([{ data: 'a' }]);
  });

  it('holds no more than the limit of a line that never ends', async () => {
    let given = 0;
    const endless = (async function* () {
      yield bytesOf('data: ');
      for (;;) {
        given += 16;
        yield bytesOf('x'.repeat(16));
      }
    })();
    await expect(collect(decodeSse(endless, limit))).rejects.toEqual(isTooLarge);
    expect(given).toBeLessThanOrEqual(64 + 2 * 16);
  });

  it('caps a retry that would overflow a timer', async () => {
    expect(await collect(decodeSse(stream([bytesOf('retry: 99999999999999999999\n\n')])))).toEqual([
      { retry: 2 ** 31 - 1 },
    ]);
  });

  it('takes the letters "ï»¿" for letters', async () => {
    expect(await collect(decodeSse(stream([bytesOf('ï»¿data: a\n\ndata: b\n\n')])))).toEqual([{ data: 'b' }]);
  });
});
