/**
 * Every item, not too fast.
 */

import { type Clock, systemClock } from './clock.ts';
import { deadline } from './engine/deadline.ts';
import { Fifo } from './engine/fifo.ts';
import { operator } from './engine/outlet.ts';
import { relay } from './engine/relay.ts';
import type { Operator } from './stream.ts';

/** Options of `rateLimit`. */
export interface RateLimitOptions {
  /** How many items may pass … */
  count: number;
  /** … within any span of this length. */
  perMs: number;
  /** Default: the runtime's clock. */
  clock?: Clock;
}

/**
 * Delays items so that no span of `perMs` sees more than `count` of them. Nothing is lost and nothing is read ahead, so
 * the source is slowed down, too. For states, where only the newest counts, use `throttle`.
 *
 * @example
 * pipe(jobs, rateLimit({ count: 10, perMs: 1000 }), mapAsync(callApi, { concurrency: 4 }));
 */
export function rateLimit<T>({ count, perMs, clock = systemClock }: RateLimitOptions): Operator<T, T> {
  return operator((upstream) =>
    relay<T, T>(upstream, (out) => {
      const passed = new Fifo<number>(); // when the last `count` items passed
      let held: T[] = [];

      const letOut = (): void => {
        const now = clock.now();
        while (passed.size > 0 && passed.at(0) + perMs <= now) passed.shift();
        const free = Math.min(count - passed.size, held.length);
        if (free <= 0) return due.set(passed.at(0) + perMs);
        for (let index = 0; index < free; index++) passed.push(now);
        const ready = held.splice(0, free);
        if (held.length > 0) out.instead(letOut);
        out.items(ready);
      };
      const due = deadline(clock, letOut);

      const items = (chunk: T[]): void => {
        held = chunk;
        letOut();
      };
      return { item: (value) => items([value]), items, onOver: due.clear };
    }),
  );
}
