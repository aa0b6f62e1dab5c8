/**
 * Tells readers of runs in the database that there may be more of their run: written here, or by others, who are looked
 * for while somebody reads.
 */
import { createHeadWatch } from './head-watch.ts';
import { unreachable } from './log-errors.ts';
import type { SqlLogDatabase } from './sql-log-database.ts';

/** Somebody who reads a run in the database. */
export interface ChangeReader {
  readonly runId: string;
  onChange(): void;
  /** The log was closed, or its database has been out of reach for too long. */
  onFailure(error: unknown): void;
}

export interface LogChanges {
  enter(reader: ChangeReader): void;
  leave(reader: ChangeReader): void;
  /** This process has written of a run that may be read in the database. */
  onWritten(runId: string): void;
  /** Fails all readers. */
  close(error: unknown): void;
}

/** A run that is read. */
interface ReadRun {
  readonly readers: Set<ChangeReader>;
  /** How it was found by the last look; `undefined` before the first one, '' where there is none. */
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
