/**
 * Gives up on a source that takes too long.
 */

import { type Clock, systemClock } from './clock.ts';
import { deadline } from './engine/deadline.ts';
import { operator } from './engine/outlet.ts';
import { type Pump, pump } from './engine/pump.ts';
import type { Operator } from './stream.ts';

/** Which of the three limits ran out. */
export type TimeoutPhase = 'first' | 'idle' | 'total';

/** Options of `timeout`. A limit that is not given does not apply. */
export interface TimeoutOptions<T> {
  /** The longest wait for the first item with content. */
  firstMs?: number;
  /** The longest wait for any item; while `firstMs` applies, only from the first content on. */
  idleMs?: number;
  /** The longest wait for all items taken together. */
  totalMs?: number;
  /** Whether an item ends the first phase; a synthetic "start" should not. Default: every item does. */
  isContent?: (item: T) => boolean;
  /** Default: the runtime's clock. */
  clock?: Clock;
}

/** A limit of `timeout` ran out. Named as in the web platform. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
  declare readonly code: `stream.timeout_${TimeoutPhase}`;
  declare readonly phase: TimeoutPhase;
  declare readonly limitMs: number;

  constructor(phase: TimeoutPhase, limitMs: number) {
    super(`Timed out after ${limitMs} ms (${phase})`);
    this.phase = phase;
    this.code = `stream.timeout_${phase}`;
    this.limitMs = limitMs;
  }
}

/**
 * Fails with a `TimeoutError` when the source keeps the reader waiting for too long. Only waiting counts: the clock
 * stands still while the reader is busy, so a slow reader never times a good source out. The error comes at once; the
 * source is closed, and not waited for, because it may be stuck. At most one timer, whatever the number of items.
 *
 * @example
 * pipe(completion, timeout({ firstMs: 20_000, idleMs: 10_000, isContent: (event) => event.type === 'text' }));
 */
export function timeout<T>(options: TimeoutOptions<T>): Operator<T, T> {
  const { firstMs, idleMs, totalMs = Number.POSITIVE_INFINITY, isContent = () => true, clock = systemClock } = options;
  return operator((upstream) => {
    let hasContent = firstMs === undefined;
    let waitedMs = 0;
    let waitsSince = 0;
    let phase: TimeoutPhase = 'first';
    const due = deadline(clock, () => out.endNow({ error: new TimeoutError(phase, options[`${phase}Ms`] as number) }));

    /** The time left for this wait; sets the phase that it would end in. */
    const leftMs = (): number => {
      phase = hasContent ? 'idle' : 'first';
      const left = (hasContent ? idleMs : (firstMs ?? 0) - waitedMs) ?? Number.POSITIVE_INFINITY;
      if (totalMs - waitedMs >= left) return left;
      phase = 'total';
      return totalMs - waitedMs;
    };

    const out: Pump<T> = pump<T, T>(upstream, {
      onPull() {
        waitsSince = clock.now();
        due.set(waitsSince + leftMs());
      },
      takeAll(chunk) {
        waitedMs += clock.now() - waitsSince;
        due.lift();
        hasContent ||= chunk.some(isContent);
        out.offerAll(chunk);
      },
      onOver: due.clear,
    });
    return out;
  });
}
