/**
 * `stallWatchdog`: reports that a source has gone quiet, without touching the stream.
 */

import { type Clock, systemClock } from './clock.ts';
import { deadline } from './engine/deadline.ts';
import { operator } from './engine/outlet.ts';
import { type Pump, pump } from './engine/pump.ts';
import type { Operator } from './stream.ts';

/** What is known about a stall. */
export interface Stall {
  /** How long the reader has been waiting for this item. */
  waitedMs: number;
  /** How many items came before the stall. */
  items: number;
}

/** Options of `stallWatchdog`. */
export interface StallWatchdogOptions {
  /** How long the reader must wait before it counts as a stall. */
  afterMs: number;
  /** Called once per stall, while it lasts. */
  onStall: (stall: Stall) => void;
  /** Called when a stall is over: an item came, or the stream ended. */
  onResume?: ((stall: Stall) => void) | undefined;
  /** Default: the runtime's clock. */
  clock?: Clock | undefined;
}

/**
 * Reports that the source keeps the reader waiting, and does nothing else: no item is added, delayed or lost. Put it
 * before a `timeout` with a longer limit to see stalls before they become errors. Only the reader's waiting counts, not
 * the time it spends on items.
 *
 * @example
 * pipe(completion, stallWatchdog({ afterMs: 3_000, onStall: (stall) => log.warn('stalled', stall) }));
 */
export function stallWatchdog<T>(options: StallWatchdogOptions): Operator<T, T> {
  const { afterMs, onStall, onResume, clock = systemClock } = options;
  return operator((upstream) => {
    let waitsSince = 0;
    let count = 0;
    let isStalled = false;

    /** Calls the observer in a microtask, so that an error in it cannot reach the stream. */
    const report = (observer: ((stall: Stall) => void) | undefined): void => {
      const stall = { waitedMs: clock.now() - waitsSince, items: count };
      queueMicrotask(() => observer?.(stall));
    };
    const due = deadline(clock, () => {
      isStalled = true;
      report(onStall);
    });
    const endStall = (): void => {
      due.lift();
      if (isStalled) report(onResume);
      isStalled = false;
    };

    const out: Pump<T> = pump<T, T>(upstream, {
      onPull() {
        waitsSince = clock.now();
        due.set(waitsSince + afterMs);
      },
      takeAll(chunk) {
        endStall();
        count += chunk.length;
        out.offerAll(chunk);
      },
      onOver() {
        endStall();
        due.clear();
      },
    });
    return out;
  });
}
