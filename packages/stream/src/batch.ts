/**
 * Items by the array.
 */

import { type Clock, systemClock } from './clock.ts';
import { byteSize } from './engine/byte-size.ts';
import { deadline } from './engine/deadline.ts';
import { operator } from './engine/outlet.ts';
import { type Pump, pump } from './engine/pump.ts';
import type { Operator } from './stream.ts';

const NONE = Number.POSITIVE_INFINITY; // no limit

/** Options of `batch`; give at least one limit. */
export interface BatchOptions<T> {
  /** The most items in a batch. */
  maxItems?: number;
  /** The most bytes in a batch. One item that is larger makes a batch of its own. */
  maxBytes?: number;
  /** The longest that the first item of a batch waits for others. With this the next batch is filled ahead. */
  maxMs?: number;
  /** The size of an item. Default: bytes of a string in UTF-8 or of a buffer. */
  sizeOf?: (item: T) => number;
  /** Default: the runtime's clock. */
  clock?: Clock;
}

/**
 * Collects items until a limit is reached. The last, partial batch comes before the end or the error. A timer runs only
 * while an item waits. To let the reader's pace decide instead of numbers, use `adaptiveBatch`.
 *
 * @example
 * pipe(rows, batch({ maxItems: 500, maxMs: 100 }), forEach((rows) => db.insert(rows)));
 */
export function batch<T>(options: BatchOptions<T>): Operator<T, T[]> {
  const { maxItems = NONE, maxBytes = NONE, maxMs = NONE, sizeOf = byteSize, clock = systemClock } = options;
  const isSized = maxBytes < NONE;
  return operator((upstream) => {
    let open: T[] = [];
    let bytes = 0;

    const letOut = (): void => {
      if (open.length === 0) return;
      const items = open;
      open = [];
      bytes = 0;
      due.lift();
      out.offer(items);
    };
    const due = deadline(clock, letOut);

    const out: Pump<T[]> = pump<T, T[]>(upstream, {
      wantsMore: () => out.isWaited() || (maxMs < NONE && out.held() === 0),
      take(item) {
        if (isSized) {
          const size = sizeOf(item);
          if (bytes + size > maxBytes) letOut();
          bytes += size;
        }
        open.push(item);
        if (open.length >= maxItems || (isSized && bytes >= maxBytes)) letOut();
        else if (open.length === 1) due.set(clock.now() + maxMs);
      },
      onSourceOver: letOut,
      onOver: due.clear,
    });
    return out;
  });
}
