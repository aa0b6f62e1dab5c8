/**
 * One timer for a deadline that moves with every item. Moving it back is a plain assignment: the timer that is already
 * set fires at the old time, sees that the deadline has moved, and is set again for the rest. So a stream of a million
 * items sets a handful of timers, not a million.
 */

import type { Clock } from '../clock.ts';

const NEVER = Number.POSITIVE_INFINITY;

/** A deadline that can be moved, lifted and set again. */
export interface Deadline {
  /** Calls `onDue` once the clock has reached `at`, unless the deadline is moved or lifted before. */
  set(at: number): void;
  /** Lifts the deadline; the timer may stay for the next one. */
  lift(): void;
  /** Lifts the deadline and gives the timer back. */
  clear(): void;
}

/** A deadline that is not set yet. `onDue` is called once per time that it is reached. */
export function deadline(clock: Clock, onDue: () => void): Deadline {
  let dueAt = NEVER;
  let timer: unknown;
  let timerAt = NEVER;

  const clear = (): void => {
    clock.clearTimeout(timer);
    dueAt = timerAt = NEVER;
  };

  const onTimer = (): void => {
    timerAt = NEVER;
    if (clock.now() < dueAt) return set(dueAt);
    dueAt = NEVER;
    onDue();
  };

  const set = (at: number): void => {
    if (at < timerAt) {
      clear();
      timerAt = at;
      // Runtimes fire a timer at once whose delay takes more than 31 bits; such a wait comes in parts.
      timer = clock.setTimeout(onTimer, Math.min(Math.max(0, at - clock.now()), 2 ** 31 - 1));
    }
    dueAt = at;
  };

  return {
    set,
    lift() {
      dueAt = NEVER;
    },
    clear,
  };
}
