import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeNdjson, encodeNdjson, isTransportError } from '../src/index.ts';
import { bytesOf, chunked, collect, splitAt, stream } from './support/bytes.ts';

const isInterrupted = expect.toSatisfy((error: unknown) => isTransportError(error, 'transport.interrupted'));
const isInvalid = expect.toSatisfy((error: unknown) => isTransportError(error, 'transport.invalid_frame'));

describe('NDJSON', () => {
  it('decode(encode(x)) = x, under any chunking', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue({ stringUnit: 'grapheme' })), chunked, async (values, cut) => {
        const bytes = bytesOf(values.map(encodeNdjson).join(''));
        expect(await collect(decodeNdjson(stream(cut(bytes))))).toEqual(JSON.parse(JSON.stringify(values)));
      }),
    );
  });

  it('takes CRLF and skips blank lines', async () => {
    const bytes = bytesOf('1\r\n\r\n\n  \n{"a":"ü"}\r\n');
    for (let at = 0; at <= bytes.length; at++)
      expect(await collect(decodeNdjson(stream(splitAt(bytes, [at]))))).toEqual([1, { a: 'ü' }]);
  });

  it('delivers the lines that are whole, then fails if the body was cut off within one, wherever it was', async () => {
    const line = fc.tuple(fc.jsonValue({ stringUnit: 'grapheme', maxDepth: 2 }), fc.constantFrom('\n', '\r\n', '\n\n'));
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 4 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        chunked,
        async (lines, place, cut) => {
          const bytes = bytesOf(lines.map(([value, end]) => JSON.stringify(value) + end).join(''));
          const kept = bytes.subarray(0, Math.round(place * bytes.length));
          const values: unknown[] = [];
          let error: unknown;
          try {
            for await (const value of decodeNdjson(stream(cut(kept)))) values.push(value);
          } catch (thrown) {
            error = thrown;
          }
          let at = 0;
          const whole = lines.flatMap(([value, end]) => {
            const json = bytesOf(JSON.stringify(value)).length;
            const from = at;
            at += json + end.length;
            // `12` may be the beginning of `123`.
            const needed = from + json + (typeof value === 'number' ? end.indexOf('\n') + 1 : 0);
            return kept.length < needed ? [] : [{ value, at: needed }];
          });
          expect(values).toEqual(JSON.parse(JSON.stringify(whole.map(({ value }) => value))));
          const isCut = new TextDecoder().decode(kept.subarray(whole.at(-1)?.at ?? 0)).trim() !== '';
          expect(error).toEqual(isCut ? isInterrupted : undefined);
        },
      ),
      {
        examples: [
          [
            [
              [{ a: 1 }, '\n'],
              [{ b: 2 }, '\n'],
            ],
            0.7,
            (bytes) => [bytes],
          ],
          [
            [
              [1, '\n'],
              [123, '\n'],
            ],
            0.7,
            (bytes) => [bytes],
          ],
        ],
      },
    );
  });

  it('delivers what came before a line that is not JSON, then fails', async () => {
    const values = decodeNdjson(stream([bytesOf('1\n2\n{"a":\n3\n')]));
    expect(await values.next()).toEqual({ value: 1, done: false });
    expect(await values.next()).toEqual({ value: 2, done: false });
    await expect(values.next()).rejects.toEqual(isInvalid);
    expect(await values.next()).toEqual({ value: undefined, done: true });
  });

  it('takes a line of exactly maxEventBytes and refuses one byte more', async () => {
    const line = (length: number) => bytesOf(`"${'x'.repeat(length - 2)}"\n`);
    for (const cut of [
      (bytes: Uint8Array) => [bytes],
      (bytes: Uint8Array) => [...bytes].map((byte) => Uint8Array.of(byte)),
    ]) {
      expect(await collect(decodeNdjson(stream(cut(line(64))), { maxEventBytes: 64 }))).toEqual(['x'.repeat(62)]);
      await expect(collect(decodeNdjson(stream(cut(line(65))), { maxEventBytes: 64 }))).rejects.toEqual(isInvalid);
    }
  });

  it('holds no more than the limit of a line that never ends', async () => {
    let given = 0;
    const endless = (async function* () {
      for (; ; given += 16) yield bytesOf('x'.repeat(16));
    })();
    await expect(collect(decodeNdjson(endless, { maxEventBytes: 64 }))).rejects.toEqual(isInvalid);
    expect(given).toBeLessThanOrEqual(64 + 16);
  });

  it('takes a last line that is whole but for its end, unless it is a number', async () => {
    expect(await collect(decodeNdjson(stream([bytesOf('{"a":1}\n{"b":2}')])))).toEqual([{ a: 1 }, { b: 2 }]);
    await expect(collect(decodeNdjson(stream([bytesOf('12')])))).rejects.toEqual(isInterrupted);
  });

  it('refuses a value without a JSON form', () => {
    for (const value of [undefined, () => {}, Symbol('s')]) expect(() => encodeNdjson(value)).toThrowError(isInvalid);
  });
});
