/**
 * `map`: replaces every item by the result of a function.
 */

import { perItem } from './engine/per-item.ts';
import type { Operator } from './stream.ts';

/**
 * The result of `fn` for each item. A plain result costs no microtask; a promise is awaited before the next call, so
 * calls never overlap (for that, use `mapAsync`). If `fn` throws, the source is closed and the error comes after the
 * items before it.
 *
 * @example
 * pipe(tokens, map((token, index) => `${index}: ${token}`));
 */
export function map<I, O>(fn: (item: I, index: number) => O | PromiseLike<O>): Operator<I, O> {
  return perItem(fn);
}
