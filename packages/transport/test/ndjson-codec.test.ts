import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeNdjson, encodeNdjson, isTransportError } from '../src/index.ts';
import { bytesOf, chunked, collect, splitAt, stream } from './support/bytes.ts';

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

  it('drops a last line that the end cut off, rather than taking 123 for 12', async () => {
    expect(await collect(decodeNdjson(stream([bytesOf('1\n12')])))).toEqual([1]);
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

  it('refuses a value without a JSON form', () => {
    for (const value of [undefined, () => {}, Symbol('s')]) expect(() => encodeNdjson(value)).toThrowError(isInvalid);
  });
});
