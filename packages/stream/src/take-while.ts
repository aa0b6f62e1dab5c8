/**
 * `takeWhile`: the beginning of a stream, up to the first item that fails a test.
 */

import { NONE, perItem } from './engine/per-item.ts';
import type { Operator } from './stream.ts';

/**
 * The items before the first one for which `keep` is not truthy. That item is dropped and the source is closed.
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
