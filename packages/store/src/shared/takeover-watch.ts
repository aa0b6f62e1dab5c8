/**
 * An owner that has fallen silent, because it has lost its lease, writes nothing that could be refused. Every now and then it looks whether its runs
 * are still its own, so that their readers here hear of the end that another process has written, and that nobody here reads what another has deleted.
 */
import type { JournalRun } from './journal-run.ts';
import type { LogChanges } from './log-changes.ts';
import type { SqlLogDatabase } from './sql-log-database.ts';

export interface TakeoverWatchOptions {
  readonly database: SqlLogDatabase;
  readonly changes: LogChanges;
  readonly runs: ReadonlyMap<string, JournalRun>;
  readonly writer: string;
  readonly everyMs: number;
  /** Somebody else has the run, or has deleted it. */
  readonly onTaken: (run: JournalRun, how: 'fenced' | 'gone') => void;
}

export interface TakeoverWatch {
  /** There is a run. The watch ends by itself with the last one. */
  start(): void;
  stop(): void;
}

export const createTakeoverWatch = (options: TakeoverWatchOptions): TakeoverWatch => {
  const { database, changes, runs, writer, everyMs, onTaken } = options;
  let timer: ReturnType<typeof setInterval> | undefined;
  let seen = 0;

  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
  };
  const look = async (): Promise<void> => {
    if (runs.size === 0) stop();
    const now = changes.look();
    if (now === seen) return;
    seen = now;
    for (const run of [...runs.values()]) {
      const { writes } = run;
      // What is about to be written is refused then.
      if (run.isQueued) continue;
      const [row] = await database.read('SELECT writer FROM chatkit_log_run WHERE number = $1', [run.number]);
      if (run.state === 'lost' || run.writes !== writes) continue;
      if (row === undefined) onTaken(run, 'gone');
      else if (row['writer'] !== '' && row['writer'] !== writer) onTaken(run, 'fenced');
    }
  };

  return {
    start() {
      if (database.others === undefined || timer !== undefined) return;
      // When looking fails so does writing, and that is heard of.
      timer = setInterval(() => void look().catch(() => {}), everyMs);
      (timer as { unref?: () => void }).unref?.();
    },
    stop,
  };
};
