/**
 * `scan`: a running result, such as a sum or the text so far.
 */

import { perItem } from './engine/per-item.ts';
import type { Operator } from './stream.ts';

/**
 * Calls `fn` with the result so far and each item, and delivers each new result. A promise is awaited before the next
 * call.
 *
 * @example
 * pipe(deltas, scan((text, delta) => text + delta, '')); // the text as it grows
 */
export function scan<I, O>(fn: (result: O, item: I, index: number) => O | PromiseLike<O>, seed: O): Operator<I, O> {
  return (source) => {
    let result = seed;
    const step = perItem(
      (item: I, index) => fn(result, item, index),
      (_item, next) => {
        result = next;
        return next;
      },
    );
    return step(source);
  };
}
