/**
 * `coalesce`: merges adjacent items while the reader is busy.
 */

import { atLeast } from './engine/at-least.ts';
import { Fifo } from './engine/fifo.ts';
import { operator } from './engine/outlet.ts';
import { type Pump, pump } from './engine/pump.ts';
import type { Operator } from './stream.ts';

/** Options of `coalesce`. */
export interface CoalesceOptions<T> {
  /** Adjacent items are merged if their keys are equal (`===`). An item whose key is `undefined` is never merged. */
  key: (item: T) => unknown;
  /** Makes one item of two adjacent items with the same key. */
  merge: (older: T, newer: T) => T;
  /** How many unmerged items may wait, at least 1; the source is not read beyond that. Default 1024. */
  capacity?: number | undefined;
  /** The largest that a merged item may become, as measured by `sizeOf`. Default: no limit. */
  maxBytes?: number | undefined;
  /** The size of an item, for `maxBytes`. */
  sizeOf?: ((item: T) => number) | undefined;
}

/**
 * While the reader is busy, adjacent items with the same key become one item. Nothing is reordered: an item with
 * another key, or none, keeps its place and separates its neighbours. A reader that keeps up gets every item unchanged,
 * at once.
 *
 * @example
 * pipe(events, coalesce({ key: (event) => event.partId, merge: (a, b) => ({ ...a, text: a.text + b.text }) }));
 */
export function coalesce<T>(options: CoalesceOptions<T>): Operator<T, T> {
  const { key, merge, maxBytes = Number.POSITIVE_INFINITY, sizeOf = () => 0 } = options;
  const capacity = atLeast(1, options.capacity ?? 1024);

  const belongTogether = (older: T, newer: T): boolean => {
    const common = key(older);
    return common !== undefined && common === key(newer) && sizeOf(older) + sizeOf(newer) <= maxBytes;
  };

  return operator((upstream) => {
    const fifo = new Fifo<T>();
    const out: Pump<T> = pump<T, T>(upstream, {
      queue: fifo,
      capacity: 1, // hands out one item at a time, as the others may still grow
      wantsMore: () => out.held() < capacity,
      take(item) {
        const isMerged = fifo.length > 0 && belongTogether(fifo.at(fifo.length - 1), item);
        fifo.push(isMerged ? merge(fifo.pop(), item) : item);
      },
    });
    return out;
  });
}
