/** Watches over the silence of a run: its first event, the gaps between events, and its whole length. */
import type { Clock } from './clock.ts';
import type { DeadlineCode } from './run-state.ts';
import type { Deadlines } from './settings.ts';

export interface DeadlineWatch {
  /** The whole run begins. */
  start(): void;
  /** The loop waits for the application's first event, or for its next one. */
  waiting(first: boolean): void;
  /** It no longer waits. Time that a slow reader takes is not held against the application. */
  arrived(): void;
  end(): void;
}

export const watchDeadlines = (
  { firstEventMs, idleMs, totalMs }: Deadlines,
  clock: Clock,
  onPassed: (code: DeadlineCode) => void,
): DeadlineWatch => {
  let total: unknown;
  let silence: unknown;
  const clear = (timer: unknown) => {
    if (timer !== undefined) clock.clearTimeout(timer);
  };
  return {
    start() {
      if (totalMs !== undefined) total = clock.setTimeout(() => onPassed('run.total_timeout'), totalMs);
    },
    waiting(first) {
      const ms = first ? firstEventMs : idleMs;
      if (ms === undefined) return;
      const code = first ? 'run.first_event_timeout' : 'run.idle_timeout';
      silence = clock.setTimeout(() => onPassed(code), ms);
    },
    arrived() {
      clear(silence);
      silence = undefined;
    },
    end() {
      clear(total);
      clear(silence);
    },
  };
};
