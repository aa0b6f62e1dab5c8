/**
 * The clock that timed operators use. It can be replaced, so that tests need no sleeps.
 */

/** A source of time and timers. Every timed operator takes one as `clock`. */
export interface Clock {
  /** Milliseconds since any fixed point; never goes back. */
  now(): number;
  /** Calls `callback` once, `delayMs` from now. */
  setTimeout(callback: () => void, delayMs: number): unknown;
  /** Cancels a timer made by `setTimeout`. Anything else, `undefined` included, is ignored. */
  clearTimeout(timer: unknown): void;
}

/** The runtime's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: (timer) => clearTimeout(timer as number),
};
