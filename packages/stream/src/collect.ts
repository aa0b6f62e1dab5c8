/**
 * `collect`: reads a whole stream into an array.
 */

import { forEach } from './for-each.ts';
import type { Source } from './stream.ts';

/**
 * Resolves to every item of the stream once it has ended. Rejects with the stream's error; the items before the error
 * are lost then, so use `forEach` where they matter. It holds everything in memory, so it is not for endless streams.
 *
 * @example
 * const first = await pipe(tokens, take(10), collect);
 */
export async function collect<T>(source: Source<T>): Promise<T[]> {
  const items: T[] = [];
  await forEach((item: T) => void items.push(item))(source);
  return items;
}
