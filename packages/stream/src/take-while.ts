/**
 * The beginning of a stream, up to an item that no longer fits.
 */

import { NONE, perItem } from './engine/per-item.ts';
import type { Operator } from './stream.ts';

/**
 * The items before the first one for which `keep` is not truthy; that one is lost, and the source is closed.
 *
 * @example
 * pipe(lines, takeWhile((line) => line !== '[DONE]'));
 */
export function takeWhile<I, O extends I>(keep: (item: I, index: number) => item is O): Operator<I, O>;
export function takeWhile<I>(keep: (item: I, index: number) => unknown): Operator<I, I>;
export function takeWhile<I>(keep: (item: I, index: number) => unknown): Operator<I, I> {
  return perItem(keep, (item: I, isKept) => {
    if (!isKept) throw NONE;
    return item;
  });
}
