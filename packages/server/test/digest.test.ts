import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { digestOf } from '../src/digest.ts';

it('is the beginning of the SHA-256 of its texts as JSON, whatever they are', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' })), (texts) => {
      expect(digestOf(texts)).toBe(createHash('sha256').update(JSON.stringify(texts)).digest('hex').slice(0, 24));
    }),
  );
});

it('keeps texts apart that read the same when they are joined', () => {
  expect(digestOf(['ab', 'c'])).not.toBe(digestOf(['a', 'bc']));
});
