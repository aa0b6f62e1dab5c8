/**
 * A running result.
 */

import { later, perItem } from './engine/per-item.ts';
import { isPromiseLike } from './engine/stage.ts';
import type { Operator } from './stream.ts';

/**
 * What `fn` makes of the result so far and each item, after each item. A promise is awaited before the next call.
 *
 * @example
 * pipe(deltas, scan((text, delta) => text + delta, '')); // the text as it grows
 */
export function scan<I, O>(fn: (result: O, item: I, index: number) => O | PromiseLike<O>, seed: O): Operator<I, O> {
  return perItem(() => {
    let result = seed;
    let index = 0;
    const note = (_item: I, next: O): O => {
      result = next;
      return next;
    };
    return (item: I) => {
      const next = fn(result, item, index++);
      return isPromiseLike(next) ? later(item, next, note) : note(item, next);
    };
  });
}
