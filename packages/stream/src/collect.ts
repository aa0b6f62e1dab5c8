/**
 * A whole stream as an array.
 */

import { forEach } from './for-each.ts';
import type { Source } from './stream.ts';

/**
 * Every item of the stream, once it has ended. Rejects with the stream's error; what came before it is lost then, so
 * use `forEach` where that matters. Holds everything: not for streams without end.
 *
 * @example
 * const first = await pipe(tokens, take(10), collect);
 */
export async function collect<T>(source: Source<T>): Promise<T[]> {
  const items: T[] = [];
  await forEach((item: T) => void items.push(item))(source);
  return items;
}
