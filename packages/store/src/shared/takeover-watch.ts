/**
 * An owner that has fallen silent, because it has lost its lease, writes nothing that could be refused. Every now and
 * then it looks whether its runs are still its own, so that their readers here hear of the end that another process has
 * written, and that nobody here reads what another has deleted.
 */
import { createHeadWatch, type HeadWatch } from './head-watch.ts';
import type { JournalRun } from './journal-run.ts';
import type { SqlLogDatabase } from './sql-log-database.ts';

export interface TakeoverWatchOptions {
  readonly database: SqlLogDatabase;
  readonly runs: ReadonlyMap<string, JournalRun>;
  readonly writer: string;
  readonly everyMs: number;
  /** Somebody else has the run, or has deleted it. */
  readonly onTaken: (run: JournalRun, how: 'fenced' | 'gone') => void;
}

/** To be started when there is a run; ends by itself with the last one. */
export const createTakeoverWatch = ({ database, runs, writer, everyMs, onTaken }: TakeoverWatchOptions): HeadWatch =>
  createHeadWatch<{ run: JournalRun; writes: number }>({
    ...{ database, everyMs, isBackground: true },
    asked() {
      if (runs.size === 0) return undefined;
      // What is about to be written is refused then.
      const silent = [...runs].filter(([, { isQueued }]) => !isQueued);
      return new Map(silent.map(([id, run]) => [id, { run, writes: run.writes }]));
    },
    // When looking fails so does writing, and that is heard of.
    onHead({ run, writes }, head) {
      if (run.state === 'lost' || run.writes !== writes) return;
      if (head?.number !== run.number) onTaken(run, 'gone');
      else if (head.writer !== '' && head.writer !== writer) onTaken(run, 'fenced');
    },
  });
