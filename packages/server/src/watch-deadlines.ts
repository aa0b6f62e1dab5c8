/** Enforces a run's deadlines: the time to its first event, the gaps between events, and its total length. */
import { deadline } from '@chatkit/stream/engine';
import type { Clock } from './clock.ts';
import type { DeadlineCode } from './run-state.ts';
import type { Deadlines } from './settings.ts';

export interface DeadlineWatch {
  /** The run begins. */
  start(): void;
  /** The loop begins to wait for the application's first event, or for its next one. */
  waiting(first: boolean): void;
  /** The loop no longer waits. Time that a slow reader takes does not count against the application. */
  arrived(): void;
  end(): void;
}

export const watchDeadlines = (
  { firstEventMs, idleMs, totalMs }: Deadlines,
  clock: Clock,
  onPassed: (code: DeadlineCode) => void,
): DeadlineWatch => {
  const total = deadline(clock, () => onPassed('run.total_timeout'));
  let isFirst = true;
  // This deadline moves with every event; the timer behind it does not.
  const silence = deadline(clock, () => onPassed(isFirst ? 'run.first_event_timeout' : 'run.idle_timeout'));
  return {
    start() {
      if (totalMs !== undefined) total.set(clock.now() + totalMs);
    },
    waiting(first) {
      isFirst = first;
      const ms = first ? firstEventMs : idleMs;
      if (ms !== undefined) silence.set(clock.now() + ms);
    },
    arrived: silence.lift,
    end() {
      total.clear();
      silence.clear();
    },
  };
};
