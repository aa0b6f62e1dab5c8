/**
 * `throttle`: delivers only the newest item, at most once per span of time.
 */

import { type Clock, systemClock } from './clock.ts';
import { deadline } from './engine/deadline.ts';
import { operator } from './engine/outlet.ts';
import { type Pump, pump } from './engine/pump.ts';
import type { Operator } from './stream.ts';

/** Options of `throttle`. */
export interface ThrottleOptions {
  /** The least time between two items. */
  everyMs: number;
  /** Whether an item still held at the end is delivered, so that the last one is never lost. Default true. */
  trailing?: boolean | undefined;
  /** Default: the runtime's clock. */
  clock?: Clock | undefined;
}

/**
 * At most one item per `everyMs`, always the newest; the items in between are dropped. The first comes at once, and the
 * last is always delivered unless `trailing` is false. Meant for state, where only the newest item matters. To slow a
 * stream down without loss, use `rateLimit`.
 *
 * @example
 * pipe(progress, throttle({ everyMs: 100 }), forEach(render));
 */
export function throttle<T>({ everyMs, trailing = true, clock = systemClock }: ThrottleOptions): Operator<T, T> {
  return operator((upstream) => {
    let held: T[] = []; // the newest item, or none
    let nextAt = Number.NEGATIVE_INFINITY;

    const letOut = (): void => {
      if (!out.isWaited() || held.length === 0) return;
      const now = clock.now();
      if (now < nextAt) return due.set(nextAt);
      const ready = held;
      held = [];
      nextAt = now + everyMs;
      out.offerAll(ready);
    };
    const due = deadline(clock, letOut);

    const out: Pump<T> = pump<T, T>(upstream, {
      wantsMore: () => true,
      takeAll(chunk) {
        held = chunk.slice(-1);
      },
      onSourceOver() {
        if (trailing) out.offerAll(held);
      },
      onTurn: letOut,
      onOver: due.clear,
    });
    return out;
  });
}
