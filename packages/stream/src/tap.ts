/**
 * `tap`: calls a function for every item and passes the item on.
 */

import { perItem } from './engine/per-item.ts';
import type { Operator } from './stream.ts';

/**
 * Calls `fn` with every item and passes the item on unchanged. A promise is awaited; an error ends the stream, as in
 * `map`.
 *
 * @example
 * pipe(tokens, tap((token) => metrics.count(token.length)));
 */
export function tap<T>(fn: (item: T, index: number) => unknown): Operator<T, T> {
  return perItem(fn, (item: T) => item);
}
