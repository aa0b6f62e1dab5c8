/** Sources that hand items out in chunks, and all the ways to cut a list into them. */

import fc from 'fast-check';
import { CHUNKS } from '../../src/index.ts';

/** A source of these chunks, which can be read by the item, too. */
export function chunked<T>(chunks: readonly (readonly T[])[]): AsyncIterable<T> {
  const source = {
    async *[CHUNKS]() {
      yield* chunks;
    },
    async *[Symbol.asyncIterator]() {
      for (const chunk of chunks) yield* chunk;
    },
  };
  return source;
}

/** Numbers, cut at random places. */
export const chunksOfNumbers = fc.array(fc.array(fc.integer({ min: -20, max: 20 }), { maxLength: 6 }), {
  maxLength: 8,
});
