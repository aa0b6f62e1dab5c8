/**
 * One timer for a deadline that moves with every item. Postponing it is a plain assignment: the timer already set fires
 * at the old time, sees that the deadline has moved, and is set again for the rest. So a stream of a million items sets
 * a handful of timers, not a million.
 */

import type { Clock } from '../clock.ts';

const NEVER = Number.POSITIVE_INFINITY;

/** A deadline that can be moved, lifted and set again. */
export interface Deadline {
  /** Calls `onDue` once the clock reaches `at`, unless the deadline is moved or lifted before that. */
  set(at: number): void;
  /** Lifts the deadline; the timer may stay set, for the next one. */
  lift(): void;
  /** Lifts the deadline and clears the timer. */
  clear(): void;
}

/** Makes a deadline, not set yet. `onDue` is called each time it is reached. */
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
      // Runtimes fire a timer at once if its delay exceeds 31 bits, so a longer wait is split up.
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
