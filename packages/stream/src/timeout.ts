/**
 * Gives up on a source that takes too long.
 */

import { type Clock, systemClock } from './clock.ts';
import { Deadline } from './engine/deadline.ts';
import { stageOf } from './engine/inlet.ts';
import { Linear } from './engine/linear.ts';
import { Outlet } from './engine/outlet.ts';
import type { Sink, Stage } from './engine/stage.ts';
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
  readonly code: `stream.timeout_${TimeoutPhase}`;
  readonly phase: TimeoutPhase;
  readonly limitMs: number;

  constructor(phase: TimeoutPhase, limitMs: number) {
    super(
      `Timed out: ${{ first: 'no first item', idle: 'no further item', total: 'no end' }[phase]} within ${limitMs} ms`,
    );
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
  return (source) => new Outlet(new TimeoutStage(stageOf(source), options));
}

class TimeoutStage<T> extends Linear<T, T> {
  private readonly options: TimeoutOptions<T>;
  private readonly clock: Clock;
  private readonly deadline: Deadline;
  private hasContent: boolean;
  private waitedMs = 0;
  private waitsSince = 0;
  private phase: TimeoutPhase = 'first';

  constructor(upstream: Stage<T>, options: TimeoutOptions<T>) {
    super(upstream);
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.deadline = new Deadline(this.clock, () => this.expire());
    this.hasContent = options.firstMs === undefined;
  }

  override pull(sink: Sink<T>): void {
    this.waitsSince = this.clock.now();
    this.deadline.set(this.waitsSince + this.leftMs());
    super.pull(sink);
  }

  override items(chunk: T[]): void {
    this.waitedMs += this.clock.now() - this.waitsSince;
    this.deadline.lift();
    try {
      this.hasContent ||= chunk.some(this.options.isContent ?? (() => true));
    } catch (error) {
      this.endEarly([], { error });
      return;
    }
    this.answer(chunk);
  }

  protected override onOver(): void {
    this.deadline.clear();
  }

  /** The time left for this wait; sets the phase that it would end in. */
  private leftMs(): number {
    const { firstMs, idleMs, totalMs } = this.options;
    this.phase = this.hasContent ? 'idle' : 'first';
    const left = (this.hasContent ? idleMs : (firstMs ?? 0) - this.waitedMs) ?? Number.POSITIVE_INFINITY;
    if (totalMs === undefined || totalMs - this.waitedMs >= left) return left;
    this.phase = 'total';
    return totalMs - this.waitedMs;
  }

  private expire(): void {
    const limitMs = this.options[`${this.phase}Ms`] as number;
    this.endNow({ error: new TimeoutError(this.phase, limitMs) });
  }
}
