/** What a log needs of a SQL database that has its tables. */
import type { WriteBatches } from './sql-log-steps.ts';
import type { SqlQuery } from './sql-port.ts';
import type { SqlSteps } from './sql-steps.ts';

export interface SqlLogDatabase {
  /** What it is called in errors. */
  readonly name: string;
  /** Runs one statement that sees one moment. */
  readonly read: SqlQuery;
  /** Runs steps in one transaction: all of them or, when they throw, none. */
  write<T>(steps: () => SqlSteps<T>): Promise<T>;
  /** How it writes batches. */
  readonly writeBatches: WriteBatches;
  /** Whether a write takes the process's turn until it is done, so that it is to rest between them. */
  readonly isInProcess: boolean;
  /** How to notice what others write; absent where nobody else does. */
  readonly others?: SqlLogOthers | undefined;
  /** The most bytes that one event may have, where the database has a bound on rows. */
  readonly maxEventBytes?: number | undefined;
  /** Lets go of it. */
  close(): void;
}

export interface SqlLogOthers {
  /** How often runs that somebody here reads, and that are not from here, are looked at. */
  readonly pollMs: number;
  /** What gives the elements of a JSON array, `$1`, as rows of texts: `value`. */
  readonly values: string;
  /**
   * A number that is another one when they may have written. Absent where nobody knows without asking. Throws while the
   * database is out of reach.
   */
  version?(): number;
}
