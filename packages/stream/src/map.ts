/**
 * Changes every item.
 */

import { perItem } from './engine/per-item.ts';
import type { Operator } from './stream.ts';

/**
 * What `fn` makes of each item. A plain result costs no tick; a promise is awaited before the next call, so calls never
 * overlap (`mapAsync` overlaps them). If `fn` throws, the source is closed and the error follows the items before it.
 *
 * @example
 * pipe(tokens, map((token, index) => `${index}: ${token}`));
 */
export function map<I, O>(fn: (item: I, index: number) => O | PromiseLike<O>): Operator<I, O> {
  return perItem(fn);
}
