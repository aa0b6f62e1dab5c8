/**
 * Room between a fast source and a slow reader.
 */

import { operator } from './engine/outlet.ts';
import { type Pump, pump } from './engine/pump.ts';
import type { Stage } from './engine/stage.ts';
import { OverflowError } from './overflow.ts';
import type { Source, Stream } from './stream.ts';

/**
 * Options of `buffer`. `overflow` says what happens when the buffer is full:
 * - `'block'` (default): the source is not read
 * - `'error'`: the stream fails with an `OverflowError`, behind what is buffered
 * - `'drop-oldest'`, `'drop-newest'`: items are lost; `lagged` is called with their number where they are missing, and
 *   what it returns is delivered in their place
 * - `'coalesce'`: the new item is merged into the newest buffered one
 */
export type BufferOptions<T, L = never> = {
  /** How many items may wait. Default 64. */
  capacity?: number;
} & (
  | { overflow?: 'block' | 'error' }
  | { overflow: 'drop-oldest' | 'drop-newest'; lagged: (missed: number) => L }
  | { overflow: 'coalesce'; merge: (older: T, newer: T) => T }
);

/**
 * Reads ahead of the reader, from its first `next()` on. Loss is always visible: a policy that drops items has to say
 * what stands in for them.
 *
 * @example
 * pipe(prices, buffer({ capacity: 16, overflow: 'drop-oldest', lagged: (missed) => ({ missed }) }));
 */
export function buffer<T, L = never>(options: BufferOptions<T, L> = {}): (source: Source<T>) => Stream<T | L> {
  const capacity = Math.max(1, options.capacity ?? 64);
  const { overflow = 'block' } = options;
  return operator((upstream: Stage<T>) => {
    let missed = 0;

    const lagged = (): L => {
      const count = missed;
      missed = 0;
      return 'lagged' in options ? options.lagged(count) : (undefined as L);
    };

    /** Reports a gap that lies behind what is buffered. That of 'drop-oldest' lies before it; see `takeChunk`. */
    const noteGap = (): void => {
      if (missed > 0 && (overflow === 'drop-newest' || out.fifo.size === 0)) out.offer(lagged());
    };

    const take = (item: T): void => {
      const { fifo } = out;
      if (overflow === 'block' || out.isWaited() || out.held() < capacity) {
        if (missed > 0) noteGap();
        out.offer(item);
      } else if (overflow === 'error') out.endNow({ error: new OverflowError(capacity) });
      else if (options.overflow === 'coalesce') {
        // Else all is lent to the reader already.
        fifo.push(fifo.size > 0 ? options.merge(fifo.pop() as T, item) : item);
      } else {
        missed++;
        if (overflow === 'drop-newest' || fifo.size === 0) return;
        fifo.shift();
        fifo.push(item);
      }
    };

    const out: Pump<T | L> = pump<T, T | L>(upstream, {
      capacity,
      wantsMore: () => overflow !== 'block' || out.isWaited() || out.held() < capacity,
      take,
      takeAll(chunk) {
        if (overflow === 'block' || out.isWaited() || out.held() + chunk.length <= capacity) {
          noteGap();
          out.offerAll(chunk);
        } else for (const item of chunk) take(item);
      },
      flush: noteGap,
      takeChunk(count) {
        const chunk = out.fifo.take(count);
        if (overflow !== 'drop-oldest' || missed === 0) return chunk;
        try {
          chunk.unshift(lagged());
        } catch (error) {
          out.endEarly({ error });
        }
        return chunk;
      },
    });
    return out;
  });
}
