/**
 * A look at every item.
 */

import { later, perItem } from './engine/per-item.ts';
import { isPromiseLike } from './engine/stage.ts';
import type { Operator } from './stream.ts';

/**
 * Calls `fn` with every item that passes and passes it on. A promise is awaited; an error ends the stream, as in `map`.
 *
 * @example
 * pipe(tokens, tap((token) => metrics.count(token.length)));
 */
export function tap<T>(fn: (item: T, index: number) => unknown): Operator<T, T> {
  return perItem(() => {
    let index = 0;
    return (item: T) => {
      const result = fn(item, index++);
      return isPromiseLike(result) ? later(item, result, (seen) => seen) : item;
    };
  });
}
