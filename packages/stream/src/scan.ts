/**
 * A running result.
 */

import { perItem } from './engine/per-item.ts';
import type { Operator } from './stream.ts';

/**
 * What `fn` makes of the result so far and each item, after each item. A promise is awaited before the next call.
 *
 * @example
 * pipe(deltas, scan((text, delta) => text + delta, '')); // the text as it grows
 */
export function scan<I, O>(fn: (result: O, item: I, index: number) => O | PromiseLike<O>, seed: O): Operator<I, O> {
  return perItem<I, O, O>(() => {
    let result = seed;
    let index = 0;
    return {
      call: (item) => fn(result, item, index++),
      apply: (_item, next) => {
        result = next;
        return next;
      },
    };
  });
}
