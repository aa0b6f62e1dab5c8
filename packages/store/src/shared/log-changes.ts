/**
 * Notifies readers of runs in the database that there may be more to read: written by this process, or by others, for
 * which the database is polled while there are readers.
 */
import { createHeadWatch } from './head-watch.ts';
import { unreachable } from './log-errors.ts';
import type { SqlLogDatabase } from './sql-log-database.ts';

/** A reader of a run in the database. */
export interface ChangeReader {
  readonly runId: string;
  onChange(): void;
  /** Called when the log was closed, or its database has been unreachable for too long. */
  onFailure(error: unknown): void;
}

export interface LogChanges {
  enter(reader: ChangeReader): void;
  leave(reader: ChangeReader): void;
  /** Notes that this process has written to a run. */
  onWritten(runId: string): void;
  /** Fails all readers. */
  close(error: unknown): void;
}

/** A run that has readers. */
interface ReadRun {
  readonly readers: Set<ChangeReader>;
  /** The state that the last poll found; `undefined` before the first one, '' if there is no such run. */
  state: string | undefined;
}

export const createLogChanges = (database: SqlLogDatabase, unreachableMs: number): LogChanges => {
  const runs = new Map<string, ReadRun>();

  const tell = (run: ReadRun | undefined): void => {
    for (const reader of [...(run?.readers ?? [])]) reader.onChange();
  };
  const fail = (errorOf: (runId: string) => unknown): void => {
    for (const { readers } of [...runs.values()])
      for (const reader of [...readers]) reader.onFailure(errorOf(reader.runId));
  };
  const watch = createHeadWatch<ReadRun>({
    database,
    everyMs: database.others?.pollMs ?? 0,
    asked: () => (runs.size === 0 ? undefined : new Map(runs)),
    onHead(run, head) {
      const state = head?.state ?? '';
      if (state === run.state) return;
      run.state = state;
      tell(run);
    },
    onFailure(error, failingMs) {
      if (failingMs >= unreachableMs) fail((runId) => unreachable(runId, error, database.name));
    },
  });

  return {
    enter(reader) {
      const run = runs.get(reader.runId) ?? { readers: new Set(), state: undefined };
      run.readers.add(reader);
      runs.set(reader.runId, run);
      watch.start();
    },
    leave(reader) {
      const run = runs.get(reader.runId);
      run?.readers.delete(reader);
      if (run?.readers.size === 0) runs.delete(reader.runId);
    },
    onWritten: (runId) => tell(runs.get(runId)),
    close(error) {
      watch.stop();
      fail(() => error);
    },
  };
};
