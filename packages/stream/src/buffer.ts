/**
 * `buffer`: a bounded queue between a fast source and a slow reader, with a policy for when it is full.
 */

import { atLeast } from './engine/at-least.ts';
import { Fifo } from './engine/fifo.ts';
import { operator } from './engine/outlet.ts';
import { type Pump, pump } from './engine/pump.ts';
import type { Stage } from './engine/stage.ts';
import { OverflowError } from './overflow.ts';
import type { Source, Stream } from './stream.ts';

/**
 * Options of `buffer`. `overflow` says what happens when the buffer is full:
 * - `'block'` (default): the source is not read
 * - `'error'`: the stream fails with an `OverflowError`, after the buffered items
 * - `'drop-oldest'`, `'drop-newest'`: items are dropped; `lagged` is called with how many, and its result is delivered
 *   in their place
 * - `'coalesce'`: the new item is merged into the newest buffered one
 */
export type BufferOptions<T, L = never> = {
  /** How many items may wait, at least 1. Default 64. */
  capacity?: number | undefined;
} & (
  | { overflow?: 'block' | 'error' | undefined }
  | { overflow: 'drop-oldest' | 'drop-newest'; lagged: (missed: number) => L }
  | { overflow: 'coalesce'; merge: (older: T, newer: T) => T }
);

/**
 * Reads ahead of the reader, starting with its first `next()`. Loss is always visible: a policy that drops items must
 * say, with `lagged`, what the reader sees instead.
 *
 * @example
 * pipe(prices, buffer({ capacity: 16, overflow: 'drop-oldest', lagged: (missed) => ({ missed }) }));
 */
export function buffer<T, L = never>(options: BufferOptions<T, L> = {}): (source: Source<T>) => Stream<T | L> {
  return operator((upstream: Stage<T>) => bufferStage(upstream, options));
}

/** The stage of `buffer`. It starts reading ahead with its first `run()`, whether or not it has been pulled. */
export function bufferStage<T, L = never>(upstream: Stage<T>, options: BufferOptions<T, L>): Pump<T | L> {
  const capacity = atLeast(1, options.capacity ?? 64);
  const { overflow = 'block' } = options;
  let missed = 0;

  /**
   * The stand-in for dropped items; it goes before the buffered items with 'drop-oldest' and after them with
   * 'drop-newest'.
   */
  const lagged = (): L[] => {
    const count = missed;
    missed = 0;
    return count > 0 && 'lagged' in options ? [options.lagged(count)] : [];
  };

  const fifo = new Fifo<T | L>();
  if (overflow === 'drop-oldest') {
    const { take } = fifo;
    fifo.take = (count) => [...lagged(), ...take.call(fifo, count)];
  }

  const noteGap = (): void => {
    if (overflow === 'drop-newest' || fifo.length === 0) out.offerAll(lagged());
  };

  const hasRoom = (): boolean => out.isWaited() || out.held() < capacity;

  const out: Pump<T | L> = pump<T, T | L>(upstream, {
    capacity,
    wantsMore: () => overflow !== 'block' || hasRoom(),
    take(item) {
      if (overflow === 'block' || hasRoom()) {
        if (missed > 0) noteGap();
        out.offer(item);
      } else if (overflow === 'error') out.endNow({ error: new OverflowError(capacity) });
      else if (options.overflow === 'coalesce') {
        // An empty queue means that everything held has already been lent to the reader.
        fifo.push(fifo.length > 0 ? options.merge(fifo.pop() as T, item) : item);
      } else {
        missed++;
        if (overflow === 'drop-newest' || fifo.length === 0) return;
        fifo.shift();
        fifo.push(item);
      }
    },
    onSourceOver: noteGap,
    queue: fifo,
  });
  return out;
}
