/**
 * Ended runs that clients may still resume. Each is kept for a while and then forgotten, with its log; of those that
 * completed only the ids are remembered longer. A run that is being read is not forgotten.
 */
import type { StreamLog } from '@chatkit/core';
import { createRememberedIds } from './remembered-ids.ts';
import { reported } from './reported.ts';
import type { Run } from './run.ts';
import type { Settings } from './settings.ts';

export interface RunShelf {
  /**
   * Takes a run that has ended. To be called again when its last reader leaves: then a run that nobody can come back to
   * is forgotten, and one whose time ran out while it was read is kept anew.
   */
  put(run: Run): void;
  /** Forgets a run now. */
  forget(run: Run): void;
  /** Whether a run completed that has been forgotten: a repeated message is then sent its stored answer. */
  hasCompleted(runId: string): boolean;
}

/** `onForgotten` is called with each run that is forgotten, before its log is deleted. */
export const createRunShelf = (log: StreamLog, settings: Settings, onForgotten: (run: Run) => void): RunShelf => {
  const { clock, retain, onError } = settings;
  /** Oldest first, each with the timer after which it is forgotten. */
  const kept = new Map<Run, unknown>();
  const completed = createRememberedIds(10_000);

  const forget = (run: Run): void => {
    const timer = kept.get(run);
    if (timer !== undefined) clock.clearTimeout(timer);
    kept.delete(run);
    if (run.resumable && run.state().status === 'completed' && run.ownsLog()) completed.add(run.id);
    onForgotten(run);
    if (run.ownsLog()) void reported(onError, () => log.delete(run.id), { runId: run.id });
  };

  /** A run's time is over, or others need its place. If it is read it only loses its place. */
  const expire = (run: Run): void => {
    if (run.readers() === 0) return forget(run);
    clock.clearTimeout(kept.get(run));
    kept.delete(run);
  };

  return {
    forget,
    hasCompleted: (runId) => completed.has(runId),
    put(run) {
      if (!run.resumable) {
        if (run.readers() === 0) forget(run);
        return;
      }
      if (kept.has(run)) return;
      kept.set(
        run,
        clock.setTimeout(() => expire(run), retain.ms),
      );
      for (const oldest of kept.keys()) {
        if (kept.size <= retain.runs) break;
        expire(oldest);
      }
    },
  };
};
