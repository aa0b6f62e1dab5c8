/**
 * Detects that another process has taken over or deleted a run of this one. An owner that has lost its lease writes
 * nothing, so no refused write would tell it. Polling makes sure that readers here get the end that another process has
 * written, and do not go on reading a run that another has deleted.
 */
import { createHeadWatch, type HeadWatch } from './head-watch.ts';
import type { JournalRun } from './journal-run.ts';
import type { SqlLogDatabase } from './sql-log-database.ts';

export interface TakeoverWatchOptions {
  readonly database: SqlLogDatabase;
  readonly runs: ReadonlyMap<string, JournalRun>;
  readonly writer: string;
  readonly everyMs: number;
  /** Called when another process has the run, or has deleted it. */
  readonly onTaken: (run: JournalRun, how: 'fenced' | 'gone') => void;
}

/** To be started when there is a run; ends by itself when there are none. */
export const createTakeoverWatch = ({ database, runs, writer, everyMs, onTaken }: TakeoverWatchOptions): HeadWatch =>
  createHeadWatch<{ run: JournalRun; writes: number }>({
    ...{ database, everyMs, isBackground: true },
    asked() {
      if (runs.size === 0) return undefined;
      // Skip runs that are about to be written: the write itself will be refused.
      const silent = [...runs].filter(([, { isQueued }]) => !isQueued);
      return new Map(silent.map(([id, run]) => [id, { run, writes: run.writes }]));
    },
    // A failed poll needs no handling, because writing fails too, which is reported.
    onHead({ run, writes }, head) {
      if (run.state === 'lost' || run.writes !== writes) return;
      if (head?.number !== run.number) onTaken(run, 'gone');
      else if (head.writer !== '' && head.writer !== writer) onTaken(run, 'fenced');
    },
  });
