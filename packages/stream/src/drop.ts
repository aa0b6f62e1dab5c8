/**
 * `drop`: skips the first items of a stream.
 */

import { NONE, perItem } from './engine/per-item.ts';
import type { Operator } from './stream.ts';

/**
 * Everything after the first `count` items.
 *
 * @example
 * pipe(lines, drop(1)); // without the header
 */
export function drop<T>(count: number): Operator<T, T> {
  return perItem(
    (_item, index) => index < count,
    (item: T, isEarly) => (isEarly ? NONE : item),
  );
}
