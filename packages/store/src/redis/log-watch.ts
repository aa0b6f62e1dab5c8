/**
 * Checks silent runs while anybody waits for Redis: whether Redis still answers, still has the run, and has not given
 * it to another owner without this process hearing of it. One timer for all runs; it stops when nobody waits.
 */

import { expiredRun, unreachable } from '../shared/log-errors.ts';
import type { EntryWindow } from './entry-window.ts';
import type { FetchPage } from './log-pages.ts';
import { failReaders, failWaiting, type LogRun, wakeAll, windowOf } from './log-run.ts';
import type { LogWriter } from './log-writer.ts';

export interface LogWatchOptions {
  readonly runs: ReadonlyMap<string, LogRun>;
  readonly writer: LogWriter;
  readonly fetchPage: FetchPage;
  readonly checkMs: number;
  readonly unreachableMs: number;
}

export interface LogWatch {
  /** Starts the timer, because somebody waits. */
  start(): void;
}

export const createLogWatch = ({ runs, writer, fetchPage, checkMs, unreachableMs }: LogWatchOptions): LogWatch => {
  const everyMs = Math.max(50, Math.min(1_000, checkMs, unreachableMs / 4));
  let timer: ReturnType<typeof setInterval> | undefined;

  /**
   * Checks that a silent run still exists and, if it is ours, still is. An owner that has lost its lease appends
   * nothing more, so no refused append would tell it that another one has the run.
   */
  const check = async (run: LogRun, window: EntryWindow): Promise<void> => {
    const last = run.isLocal ? window.lastOffset : (run.followed?.cursor ?? '');
    const isCurrent = () => windowOf(run) === window && !window.isEnded && run.failure === undefined;
    try {
      const answer = await fetchPage(run.id, last === '' ? undefined : last, 1);
      if (!isCurrent()) return;
      if (typeof answer !== 'object') {
        failReaders(run, expiredRun(run.id));
        return;
      }
      if (run.isLocal && answer.entries.length > 0 && window.lastOffset === last) {
        run.isLocal = false;
        wakeAll(run);
        return;
      }
      // Two checks in a row found the lease ended but not the log: the terminal entry will not come any more.
      const isOrphan = answer.leaseOutcome !== '' && answer.outcome === '';
      if (isOrphan && run.isOrphan) failReaders(run, expiredRun(run.id));
      run.isOrphan = isOrphan;
    } catch (error) {
      // A run of ours outlives its readers, and Redis may be there for the next ones.
      if (isCurrent()) failWaiting(run, unreachable(run.id, error, 'Redis'));
    }
  };

  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
  };
  const sweep = (): void => {
    const now = performance.now();
    let watched = 0;
    writer.checkLate(now);
    for (const run of runs.values()) {
      const { outbox } = run;
      if (outbox !== undefined && outbox.failure === undefined && !outbox.isConfirmed) {
        watched += 1;
        writer.checkDebt(outbox, now);
      }
      const window = windowOf(run);
      if (run.tails.length === 0 || window?.isEnded || run.failure !== undefined) continue;
      watched += 1;
      // The run's readers are still fetching pages, which has its own timeout. Counted as watched, because nobody would
      // restart the timer when they are done.
      if (window === undefined) continue;
      // Entries under way are watched by the writer.
      if (run.isLocal && outbox?.acked !== window.end) continue;
      if (now - Math.max(run.heardAt, outbox?.heardAt ?? 0) < checkMs) continue;
      run.heardAt = now;
      void check(run, window);
    }
    if (watched === 0) stop();
  };

  return {
    start() {
      if (timer !== undefined) return;
      timer = setInterval(sweep, everyMs);
      (timer as { unref?: () => void }).unref?.();
    },
  };
};
