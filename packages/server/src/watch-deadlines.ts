/** Enforces a run's deadlines: the time to its first event, the gaps between events, and its total length. */
import { type Deadline, deadline } from '@chatkit/stream/engine';
import type { Clock } from './clock.ts';
import type { DeadlineCode } from './run-state.ts';
import type { Deadlines } from './settings.ts';

const never = Number.POSITIVE_INFINITY;

/** A class with one timer for all of it, which moves with every event: each open run has one. */
export class DeadlineWatch {
  private readonly deadlines: Deadlines;
  private readonly clock: Clock;
  private readonly timer: Deadline;
  private totalAt = never;
  private silenceAt = never;
  private isFirst = true;

  constructor(deadlines: Deadlines, clock: Clock, onPassed: (code: DeadlineCode) => void) {
    this.deadlines = deadlines;
    this.clock = clock;
    this.timer = deadline(clock, () => onPassed(this.passed()));
  }

  /** The run begins. */
  start(): void {
    this.totalAt = this.clock.now() + (this.deadlines.totalMs ?? never);
    this.set();
  }

  /** The loop begins to wait for the application's first event, or for its next one. */
  waiting(first: boolean): void {
    this.isFirst = first;
    const { firstEventMs, idleMs } = this.deadlines;
    const ms = first ? firstEventMs : idleMs;
    if (ms === undefined) return;
    this.silenceAt = this.clock.now() + ms;
    this.set();
  }

  /** The loop no longer waits. Time that a slow reader takes does not count against the application. */
  arrived(): void {
    if (this.silenceAt === never) return;
    this.silenceAt = never;
    this.set();
  }

  end(): void {
    this.timer.clear();
  }

  private set(): void {
    this.timer.set(Math.min(this.totalAt, this.silenceAt));
  }

  private passed(): DeadlineCode {
    if (this.totalAt <= this.silenceAt) return 'run.total_timeout';
    return this.isFirst ? 'run.first_event_timeout' : 'run.idle_timeout';
  }
}
