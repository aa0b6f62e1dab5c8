/**
 * `timeout`: fails when the source keeps the reader waiting too long.
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
  /** The longest wait for the first item that `isContent`. */
  firstMs?: number | undefined;
  /** The longest wait for any item. With `firstMs` set, it applies only after the first content. */
  idleMs?: number | undefined;
  /** The longest total wait, summed over all items. */
  totalMs?: number | undefined;
  /** Whether an item ends the `first` phase; a synthetic "start" event should not. Default: every item does. */
  isContent?: ((item: T) => boolean) | undefined;
  /** Default: the runtime's clock. */
  clock?: Clock | undefined;
}

/** A limit of `timeout` ran out. Named like the web platform's. */
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
 * stops while the reader is busy, so a slow reader never times out a good source. The error comes at once; the source
 * is closed, but its cleanup is not awaited, because it may be stuck. There is at most one timer, however many items
 * pass.
 *
 * @example
 * pipe(completion, timeout({ firstMs: 20_000, idleMs: 10_000, isContent: (event) => event.type === 'text' }));
 */
export function timeout<T>(options: TimeoutOptions<T>): Operator<T, T> {
  const {
    firstMs,
    idleMs = Number.POSITIVE_INFINITY,
    totalMs = Number.POSITIVE_INFINITY,
    isContent = () => true,
    clock = systemClock,
  } = options;
  return operator((upstream) => {
    let hasContent = firstMs === undefined;
    let waitedMs = 0;
    let waitsSince = 0;
    let phase: TimeoutPhase;
    const due = deadline(clock, () => out.endNow({ error: new TimeoutError(phase, options[`${phase}Ms`] as number) }));

    const out: Pump<T> = pump<T, T>(upstream, {
      onPull() {
        waitsSince = clock.now();
        phase = hasContent ? 'idle' : 'first';
        let leftMs = hasContent ? idleMs : (firstMs as number) - waitedMs;
        if (!(totalMs - waitedMs >= leftMs)) {
          phase = 'total';
          leftMs = totalMs - waitedMs;
        }
        due.set(waitsSince + leftMs);
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
