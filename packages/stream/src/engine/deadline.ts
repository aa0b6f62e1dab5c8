/**
 * One timer for a deadline that moves with every item. Moving it back is a plain assignment: the timer that is already
 * set fires at the old time, sees that the deadline has moved, and is set again for the rest. So a stream of a million
 * items sets a handful of timers, not a million.
 */

import type { Clock } from '../clock.ts';

export class Deadline {
  private readonly clock: Clock;
  private readonly onDue: () => void;
  private at = Number.POSITIVE_INFINITY;
  private timer: unknown;
  private timerAt = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, onDue: () => void) {
    this.clock = clock;
    this.onDue = onDue;
  }

  /** Calls `onDue` once the clock has reached `at`, unless the deadline is moved or cleared before. */
  set(at: number): void {
    this.at = at;
    if (at >= this.timerAt || at === Number.POSITIVE_INFINITY) return;
    this.stopTimer();
    this.startTimer();
  }

  get isSet(): boolean {
    return this.at !== Number.POSITIVE_INFINITY;
  }

  /** Lifts the deadline; the timer may stay for the next one. */
  lift(): void {
    this.at = Number.POSITIVE_INFINITY;
  }

  /** Lifts the deadline and gives the timer back. */
  clear(): void {
    this.lift();
    this.stopTimer();
  }

  private startTimer(): void {
    this.timerAt = this.at;
    this.timer = this.clock.setTimeout(this.onTimer, Math.max(0, this.at - this.clock.now()));
  }

  private stopTimer(): void {
    if (this.timer === undefined) return;
    this.clock.clearTimeout(this.timer);
    this.timer = undefined;
    this.timerAt = Number.POSITIVE_INFINITY;
  }

  private readonly onTimer = (): void => {
    this.timer = undefined;
    this.timerAt = Number.POSITIVE_INFINITY;
    if (!this.isSet) return;
    if (this.clock.now() < this.at) {
      this.startTimer();
      return;
    }
    this.at = Number.POSITIVE_INFINITY;
    this.onDue();
  };
}
