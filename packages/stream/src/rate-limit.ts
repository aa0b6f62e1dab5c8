/**
 * `rateLimit`: delivers every item, but no more than so many per span of time.
 */

import { type Clock, systemClock } from './clock.ts';
import { atLeast } from './engine/at-least.ts';
import { deadline } from './engine/deadline.ts';
import { Fifo } from './engine/fifo.ts';
import { operator } from './engine/outlet.ts';
import { type Pump, pump } from './engine/pump.ts';
import type { Operator } from './stream.ts';

/** Options of `rateLimit`. */
export interface RateLimitOptions {
  /** How many items, at least 1, may pass … */
  count: number;
  /** … within any span of this length. */
  perMs: number;
  /** Default: the runtime's clock. */
  clock?: Clock | undefined;
}

/**
 * Delays items so that no span of `perMs` contains more than `count` of them. Nothing is lost and nothing is read
 * ahead, so the source is slowed down as well. If only the newest item matters, use `throttle`.
 *
 * @example
 * pipe(jobs, rateLimit({ count: 10, perMs: 1000 }), mapAsync(callApi, { concurrency: 4 }));
 */
export function rateLimit<T>({ count, perMs, clock = systemClock }: RateLimitOptions): Operator<T, T> {
  return operator((upstream) => {
    const passed = new Fifo<number>(); // when the last `count` items passed
    let held: T[] = [];

    const letOut = (): void => {
      if (!out.isWaited() || held.length === 0) return;
      const now = clock.now();
      while (passed.length > 0 && !(passed.at(0) + perMs > now)) passed.shift();
      const ready = held.splice(0, atLeast(1, count) - passed.length);
      if (ready.length === 0) return due.set(passed.at(0) + perMs);
      for (const _ of ready) passed.push(now);
      out.offerAll(ready);
    };
    const due = deadline(clock, letOut);

    const out: Pump<T> = pump<T, T>(upstream, {
      wantsMore: () => out.isWaited() && held.length === 0,
      takeAll(chunk) {
        held = chunk;
      },
      onTurn: letOut,
      onOver: due.clear,
    });
    return out;
  });
}
