import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { sha256 } from '../src/sha-256.ts';

test('is what Node makes of any text, whatever its length', () => {
  const likeNode = (text: string) => {
    expect(sha256(text)).toBe(createHash('sha256').update(text, 'utf8').digest('hex'));
  };
  for (let length = 0; length <= 130; length += 1) likeNode('a'.repeat(length));
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), likeNode));
});

test('is what the standard says of its example', () => {
  expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});
