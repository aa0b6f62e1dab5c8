import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createSseDecoder,
  createSseJsonDecoder,
  type DecodeSseJsonOptions,
  decodeSseJson,
  isTransportError,
  type SseFrame,
} from '../src/index.ts';
import { bytesOf, chunked, splitAt, stream } from './support/bytes.ts';

const { vectors } = JSON.parse(readFileSync(new URL('../../../vectors/sse.json', import.meta.url), 'utf8')) as {
  vectors: { name: string; hex: string }[];
};

type Outcome = { frames: unknown[]; error?: string };

/** Frames up to the first failure, with the failure's code. */
const outcome = (run: (frames: unknown[]) => void): Outcome => {
  const frames: unknown[] = [];
  try {
    run(frames);
    return { frames };
  } catch (error) {
    return { frames, error: isTransportError(error) ? error.code : String(error) };
  }
};

/** The plain way: the engine, then JSON.parse. */
const plainly = (chunks: readonly Uint8Array[], { notJson, ...limits }: DecodeSseJsonOptions) =>
  outcome((frames) => {
    const decoder = createSseDecoder(({ data, ...frame }: SseFrame) => {
      if (data === undefined) frames.push(frame);
      else {
        let value: unknown;
        try {
          value = JSON.parse(data);
        } catch (error) {
          if (notJson === 'text') value = data;
          else if (data !== '[DONE]') throw error;
        }
        frames.push(value === undefined ? frame : { ...frame, value });
      }
    }, limits);
    for (const chunk of chunks) decoder.push(chunk);
  });
const learned = (chunks: readonly Uint8Array[], options: DecodeSseJsonOptions) =>
  outcome((frames) => {
    const decoder = createSseJsonDecoder((frame) => frames.push(frame), options);
    for (const chunk of chunks) decoder.push(chunk);
  });
const agrees = (chunks: readonly Uint8Array[], options: DecodeSseJsonOptions = {}) => {
  const expected = plainly(chunks, options);
  const seen = learned(chunks, options);
  expect(seen.frames).toEqual(expected.frames);
  expect(JSON.stringify(seen.frames)).toBe(JSON.stringify(expected.frames)); // the order of keys too
  expect(seen.error === undefined).toBe(expected.error === undefined);
};

const delta = (text: string, item = 'msg_1', extra = '') =>
  `{"type":"thread.item.updated","item_id":"${item}",${extra}"update":{"type":"text_delta","content_index":0,"delta":${JSON.stringify(text)}}}`;
const warm = `data: ${delta('a')}\n\ndata: ${delta('b')}\n\n`;

const word = fc.oneof(
  fc.constantFrom(
    ' token',
    '',
    '"',
    '\\',
    'ü',
    '東京',
    '😀',
    '\ud800',
    '\n',
    '\r',
    '\u2028',
    '0', // with this and the next one the decoder learns a template
    '1',
    '","x":"y',
    '}}',
  ),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
);
const json = fc.oneof(
  { weight: 6, arbitrary: word.map((text) => delta(text)) },
  { weight: 2, arbitrary: word.map((text) => delta(text, 'msg_2')) },
  { weight: 1, arbitrary: fc.jsonValue().map((value) => JSON.stringify(value)) },
  {
    weight: 1,
    // Keys in another order than they are read back, twice the same key, the prototype, arrays, two strings at the end.
    arbitrary: fc.constantFrom(
      '{"b":"x","1":"y"}',
      '{"b":"x","1":"z"}',
      '{"a":"x","a":"y"}',
      '{"a":{"__proto__":"x"}}',
      '{"a":{"__proto__":"y"}}',
      '{"__proto__":{"a":"x"}}',
      '{"list":[],"a":"x"}',
      '{"list":[],"a":"y"}',
      '["x"]',
      '["y"]',
      '"x"',
      '"y"',
      '{"a":"x","b":"x"}',
      '{"a":"x","b":"y"}',
      '{"a":"\\\\","b":"x"}',
      '{"a":"\\\\","b":"y\\\\"}',
      '{"a" : "x" }',
      '{"a":"x',
      '{"a":"x"}}',
    ),
  },
);
const frameText = fc.oneof(
  { weight: 8, arbitrary: json.map((data) => `data: ${data}\n\n`) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(json, fc.constantFrom('1-7', '', 'a b', '…', 'x\u0000'))
      .map(([data, id]) => `id: ${id}\ndata: ${data}\n\n`),
  },
  { weight: 1, arbitrary: json.map((data) => `data:${data}\n\n`) },
  { weight: 1, arbitrary: json.map((data) => `data: ${data}\r\n\r\n`) },
  { weight: 1, arbitrary: json.map((data) => `data: ${data}\r\r`) },
  { weight: 1, arbitrary: json.map((data) => `data: ${data}\ndata: \n\n`) },
  { weight: 1, arbitrary: json.map((data) => `event: e\ndata: ${data}\n\n`) },
  { weight: 1, arbitrary: json.map((data) => `data: ${data}\nid: 3\n\n`) },
  { weight: 1, arbitrary: json.map((data) => `data: ${data}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'event: text\ndata: completed\n\n',
      'data: [DONE]\n\n',
      ': hb\n\n',
      'retry: 5\nid: 1\n\n',
      '\n',
      '\r',
      'i',
      'id',
      'data',
      '\ufeff',
      'id: 1\n\n',
      'event: text\n',
      ': c\r',
      ': c\n',
      'retry: 5\n',
      'id: 5\n',
    ),
  },
);

describe('createSseJsonDecoder', () => {
  it('equals the engine and JSON.parse, for every input and every chunking', () => {
    fc.assert(
      fc.property(
        fc.array(frameText, { maxLength: 14 }),
        chunked,
        fc.boolean(),
        fc.constantFrom('fail' as const, 'text' as const),
        (frames, cut, isWarm, notJson) => {
          agrees(cut(bytesOf((isWarm ? warm : '') + frames.join(''))), { notJson });
        },
      ),
      { numRuns: 1500 },
    );
  }, 60_000);

  it('equals them at every two-way split', () => {
    fc.assert(
      fc.property(fc.array(frameText, { maxLength: 3 }), (frames) => {
        const bytes = bytesOf(warm + frames.join(''));
        for (let at = 0; at <= bytes.length; at++) agrees(splitAt(bytes, [at]));
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  it('equals them under a bound', () => {
    fc.assert(
      fc.property(fc.array(word), chunked, fc.integer({ min: 100, max: 140 }), (words, cut, maxEventBytes) => {
        agrees(cut(bytesOf(words.map((text) => `data: ${delta(text)}\n\n`).join(''))), { maxEventBytes });
      }),
    );
  });

  it('equals them under a bound that text or an id is over, where most frames are far below it', () => {
    const frame = (length: number, id = 1) => `id: ${'1'.repeat(id)}\ndata: {"a":"${'x'.repeat(length)}"}\n\n`;
    fc.assert(
      fc.property(chunked, fc.integer({ min: 60, max: 120 }), fc.nat(3), fc.boolean(), (cut, max, over, isId) => {
        const last = isId ? frame(1, max - 1 + over) : frame(max - 9 + over);
        agrees(cut(bytesOf(frame(1) + frame(2) + frame(3) + last + frame(4))), { maxEventBytes: max });
      }),
    );
  });

  it.each(['', 'id: 1\n'])('holds no more than the limit of a frame that never ends (%j)', (id) => {
    const decoder = createSseJsonDecoder(() => {}, { maxEventBytes: 64 });
    decoder.push(bytesOf([1, 2, 3].map((n) => `${id}data: {"a":"${n}"}\n\n`).join('')));
    decoder.push(bytesOf(`${id}data: {"a":"`));
    let given = 0;
    const more = () => {
      for (; given < 1024; given += 16) decoder.push(bytesOf('x'.repeat(16)));
    };
    expect(more).toThrow('larger than 64 bytes');
    expect(given).toBeLessThanOrEqual(64 + 16);
  });

  it('takes a quote for the beginning or for the end of a text, not for both', () => {
    const row = [1, 2, 3].map((n) => `data: {"a":"${n}"}\n\n`).join('');
    agrees([bytesOf(`${row}data: {"a":"}\n\n${row}`)], { notJson: 'text' });
  });

  for (const vector of vectors)
    it(`after a learned prefix: ${vector.name}`, () => {
      const bytes = bytesOf(`${warm}data: ${delta('c')}\n\n`);
      const all = Uint8Array.from([...bytes, ...Buffer.from(vector.hex, 'hex')]);
      for (let at = 0; at <= all.length; at++) agrees(splitAt(all, [at]), { notJson: 'text' });
      agrees(
        [...all].map((byte) => Uint8Array.of(byte)),
        { notJson: 'text' },
      );
    });

  it.each([
    '{"a":{"__proto__":"x"}}',
    '{"__proto__":{"a":"x"}}',
    '{"b":"y","1":"x"}',
    // A value that looks like what the template was learned with, and is the last one of the object.
    ...['\\ue000probe\\ue000', '0', '1', '01'].map((other) => `{"b":"${other}","1":"x"}`),
    '{"a":"y","a":"x"}',
    '{"list":[],"a":"x"}',
    '["x"]',
    '"x"',
    '{"a":{"b":{"c":{"d":"x"}}}}',
  ])('a row of %s', (data) => {
    agrees([bytesOf([1, 2, 3, 4, 5].map((n) => `data: ${data.replace('"x"', `"x${n}"`)}\n\n`).join(''))]);
  });

  it('reads a stream of a model, which ends with what is no JSON', async () => {
    const chunk = (content: string) => ({ choices: [{ index: 0, delta: { content } }] });
    const body = [chunk('Hel'), chunk('lo'), chunk('!')].map((value) => `data: ${JSON.stringify(value)}\n\n`).join('');
    const read = async (end: string, options?: DecodeSseJsonOptions) => {
      const values: unknown[] = [];
      for await (const { value } of decodeSseJson(stream([bytesOf(body + end)]), options))
        if (value !== undefined) values.push(value);
      return values;
    };
    const all = [chunk('Hel'), chunk('lo'), chunk('!')];
    expect(await read('data: [DONE]\n\n')).toEqual(all);
    expect(await read('data: [DONE]\n\n', { notJson: 'text' })).toEqual([...all, '[DONE]']);
    await expect(read('data: [HALF\n\n')).rejects.toThrow('not JSON');
  });

  it('makes every value anew', () => {
    const seen: unknown[] = [];
    const decoder = createSseJsonDecoder((frame) => seen.push(frame.value));
    decoder.push(bytesOf(`data: ${delta('same')}\n\n`.repeat(6)));
    const updates = seen.map((value) => (value as { update: object }).update);
    expect([new Set(seen).size, new Set(updates).size]).toEqual([6, 6]);
  });

  it('parses the first two events of a row whole, and two more to learn from them', () => {
    const { parse } = JSON;
    let calls = 0;
    JSON.parse = ((text: string) => {
      calls++;
      return parse(text);
    }) as typeof JSON.parse;
    try {
      const decoder = createSseJsonDecoder(() => {});
      for (let n = 0; n < 50; n++) decoder.push(bytesOf(`id: 1-${n}\ndata: ${delta(`token ${n}`)}\n\n`));
    } finally {
      JSON.parse = parse;
    }
    expect(calls).toBe(4);
  });
});
