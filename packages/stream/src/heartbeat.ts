/**
 * `heartbeat`: adds keep-alive items while the source is silent.
 */

import { type Clock, systemClock } from './clock.ts';
import { deadline } from './engine/deadline.ts';
import { operator } from './engine/outlet.ts';
import { type Pump, pump } from './engine/pump.ts';
import type { Stage } from './engine/stage.ts';
import type { Source, Stream } from './stream.ts';

/** Options of `heartbeat`. */
export interface HeartbeatOptions<H> {
  /** How long the reader may wait before it gets a heartbeat. */
  everyMs: number;
  /** The heartbeat, or a function that makes one. */
  value: H | (() => H);
  /** Default: the runtime's clock. */
  clock?: Clock | undefined;
}

/**
 * Adds `value` whenever the reader has waited `everyMs` with nothing to read. Waiting counts from the first `next()`.
 * Heartbeats are never queued and never delay an item. A `timeout` before this operator does not see them; one after it
 * does.
 *
 * @example
 * pipe(frames, heartbeat({ everyMs: 15_000, value: ': keep-alive\n\n' }), forEach((text) => response.write(text)));
 */
export function heartbeat<T, H = T>(options: HeartbeatOptions<H>): (source: Source<T>) => Stream<T | H> {
  const { everyMs, value, clock = systemClock } = options;
  return operator((upstream: Stage<T>) => {
    const due = deadline(clock, () => {
      if (!out.isWaited()) return;
      try {
        out.offer(typeof value === 'function' ? (value as () => H)() : value);
      } catch (error) {
        out.endNow({ error });
      }
    });

    const out: Pump<T | H> = pump<T, T | H>(upstream, {
      onPull: () => due.set(clock.now() + everyMs),
      onOver: due.clear,
    });
    return out;
  });
}
