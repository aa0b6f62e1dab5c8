/** Tells readers of runs in the database that there may be more of their run: written here, or by others, who are looked for while somebody reads. */
import type { SqlLogOthers } from './sql-log-database.ts';

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
  /** Looks for others. → how often they were seen to have written. */
  look(): number;
  /** Fails all readers. */
  close(error: unknown): void;
}

export const createLogChanges = (others: SqlLogOthers | undefined, unreachableMs: number): LogChanges => {
  const readers = new Map<string, Set<ChangeReader>>();
  let timer: ReturnType<typeof setInterval> | undefined;
  let version: number | undefined;
  let seen = 0;
  let failingSince: number | undefined;

  const all = (): ChangeReader[] => [...readers.values()].flatMap((each) => [...each]);
  const look = (): number => {
    if (others === undefined) return seen;
    try {
      const now = others.version();
      failingSince = undefined;
      if (now === version) return seen;
      version = now;
      seen += 1;
      for (const reader of all()) reader.onChange();
    } catch (error) {
      failingSince ??= performance.now();
      if (performance.now() - failingSince >= unreachableMs) for (const reader of all()) reader.onFailure(error);
    }
    return seen;
  };
  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
  };

  return {
    enter(reader) {
      const ofRun = readers.get(reader.runId) ?? new Set();
      readers.set(reader.runId, ofRun.add(reader));
      if (others === undefined || timer !== undefined) return;
      // Before the reader's first look, so that what is written behind it is noticed.
      look();
      timer = setInterval(look, others.pollMs);
    },
    leave(reader) {
      const ofRun = readers.get(reader.runId);
      ofRun?.delete(reader);
      if (ofRun?.size === 0) readers.delete(reader.runId);
      if (readers.size === 0) stop();
    },
    onWritten(runId) {
      for (const reader of [...(readers.get(runId) ?? [])]) reader.onChange();
    },
    look,
    close(error) {
      stop();
      for (const reader of all()) reader.onFailure(error);
    },
  };
};
