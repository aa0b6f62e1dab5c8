/**
 * The time that timed operators go by. Tests pass their own, so that no test has to sleep.
 */

/** A source of time and timers. Every timed operator takes one as `clock`. */
export interface Clock {
  /** Milliseconds since any fixed point; never goes back. */
  now(): number;
  /** Calls `callback` once, `delayMs` from now. */
  setTimeout(callback: () => void, delayMs: number): unknown;
  /** Forgets a timer of `setTimeout`, if it is one and still set. */
  clearTimeout(timer: unknown): void;
}

/** The runtime's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: (timer) => clearTimeout(timer as number),
};
