/**
 * `filter`: keeps the items that pass a test.
 */

import { NONE, perItem } from './engine/per-item.ts';
import type { Operator } from './stream.ts';

/**
 * The items for which `keep` returns, or resolves to, a truthy value. If `keep` throws, the source is closed and the
 * error follows the items before it. A type guard narrows the stream.
 *
 * @example
 * pipe(events, filter((event) => event.type === 'text'));
 */
export function filter<I, O extends I>(keep: (item: I, index: number) => item is O): Operator<I, O>;
export function filter<I>(keep: (item: I, index: number) => unknown): Operator<I, I>;
export function filter<I>(keep: (item: I, index: number) => unknown): Operator<I, I> {
  return perItem(keep, (item: I, isKept) => (isKept ? item : NONE));
}
