/**
 * `replayThenTail`: stored history, then live events, with no gap and no repeat between the two.
 */

import { bufferStage } from './buffer.ts';
import { concatStage } from './concat.ts';
import { stageOf } from './engine/inlet.ts';
import { outlet } from './engine/outlet.ts';
import { filter } from './filter.ts';
import type { Source, Stream } from './stream.ts';
import { tap } from './tap.ts';

/** Options of `replayThenTail`. */
export interface ReplayThenTailOptions<T, P> {
  /** The history. It must reach at least to where `tail` begins. */
  replay: Source<T>;
  /** The live events. Read from the first `next()` on, so that nothing is missed during the replay. */
  tail: Source<T>;
  /** An item's position in the order that both sources share. */
  position: (item: T) => P;
  /** Whether `a` comes after `b`. Default: `a > b`, which is right for numbers. */
  isAfter?: ((a: P, b: P) => boolean) | undefined;
  /**
   * How many items of the tail may wait for the replay to end, at least 1; beyond that the stream fails. Default 1024.
   */
  capacity?: number | undefined;
}

/**
 * The whole replay, then the tail from exactly there: tail items that the replay has already delivered are dropped. If
 * more than `capacity` tail items pile up during the replay, the stream delivers all that are contiguous and then fails
 * with an `OverflowError`; start again from the last item received.
 *
 * @example
 * replayThenTail({ replay: log.read(after), tail: log.subscribe(), position: (entry) => entry.offset });
 */
export function replayThenTail<T, P>(options: ReplayThenTailOptions<T, P>): Stream<T> {
  const { position, isAfter = (a, b) => a > b, capacity = 1024 } = options;
  const ahead = bufferStage<T>(stageOf(options.tail), { capacity, overflow: 'error' });
  let last: { position: P } | undefined;
  const replay = tap((item: T) => {
    last = { position: position(item) };
  });
  const tail = filter((item: T) => {
    const place = position(item);
    const isNew = !last || isAfter(place, last.position);
    if (isNew) last = { position: place };
    return isNew;
  });
  const both = concatStage([stageOf(replay(options.replay)), stageOf(tail(outlet(ahead)))]);
  return outlet({
    pull(to) {
      ahead.run();
      both.pull(to);
    },
    close: both.close,
  });
}
