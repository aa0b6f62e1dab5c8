/** The interface between the SQL log and its database, in which the log's tables exist. */
import type { WriteBatches } from './sql-log-steps.ts';
import type { SqlQuery } from './sql-port.ts';
import type { SqlSteps } from './sql-steps.ts';

export interface SqlLogDatabase {
  /** The database's name in errors. */
  readonly name: string;
  /** Runs one statement, which sees one consistent state. */
  readonly read: SqlQuery;
  /** Runs steps in one transaction: if they throw, none has an effect. */
  write<T>(steps: () => SqlSteps<T>): Promise<T>;
  /** Writes batches in the way that is best for this database. */
  readonly writeBatches: WriteBatches;
  /** Whether a write blocks this process, so that there must be pauses between writes. */
  readonly isInProcess: boolean;
  /** How to notice what other processes write. Absent if no others write. */
  readonly others?: SqlLogOthers | undefined;
  /** The maximum size of one event in bytes, if the database limits the size of rows. */
  readonly maxEventBytes?: number | undefined;
  /** Closes the database. */
  close(): void;
}

export interface SqlLogOthers {
  /** How often runs of other processes that have readers here are polled. */
  readonly pollMs: number;
  /** The SQL table expression that turns a JSON array, `$1`, into rows with the column `value`. */
  readonly values: string;
  /**
   * A number that changes when others may have written. Absent if only a query can tell. Throws while the database is
   * unreachable.
   */
  version?(): number;
}
