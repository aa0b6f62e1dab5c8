/**
 * A log of runs in an SQLite file: for servers on one machine, of one process or several, whose answers are to outlive
 * them.
 */
import { createSqlLog, type SqlLog, type SqlLogOptions } from '../shared/sql-log.ts';
import { writeBatches } from '../shared/sql-log-steps.ts';
import { openSqliteFile } from './sqlite-file.ts';

export interface SqliteLogOptions extends SqlLogOptions {
  /** The file, made when it is missing. It may be that of the store. */
  path: string;
  /** How long one write waits for another process that is writing, before it counts as failed. Default 5,000. */
  busyTimeoutMs?: number | undefined;
}

/** A log in an SQLite file. */
export type SqliteLog = SqlLog;

/** How often a reader of another process's run looks for more. */
const pollMs = 20;

/**
 * A log in the file at `path`, which is opened and migrated at once. Readers in the process that runs a run get each
 * event at once, from memory; the file has it within `flushMs`, and the promise of the terminal entry resolves when it
 * does. A process that is killed loses that much of its answers; a power cut may take the last writes as well, back to
 * the last checkpoint (WAL with `synchronous = NORMAL`). Several processes may share the file: a reader of another
 * one's run is up to `flushMs` and 20 ms behind, and `createSqliteLease` says who may run a thread.
 *
 * The file may be that of the store, and is better one of its own: a file has one writer at a time.
 *
 * A file that is full, busy, removed or replaced is tried again; readers here notice nothing until `append` waits for
 * room. After `unreachableMs` runs, readers and calls fail with a retryable `internal`. `create` and `delete` fail as a
 * write to the store does. Nobody waits for ever and no rejection is left unhandled.
 *
 * @example
 * const store = createSqliteStore({ path: 'chat.db' });
 * const log = createSqliteLog({ path: 'runs.db' });
 * const lease = createSqliteLease({ path: 'runs.db' });
 * const server = createChatKitServer({ store, respond, log, lease });
 */
export const createSqliteLog = ({ path, busyTimeoutMs = 5_000, ...options }: SqliteLogOptions): SqliteLog => {
  const { port, writeAtOnce, assertInPlace, foreignVersion, close } = openSqliteFile({
    kind: 'Log',
    path,
    busyTimeoutMs,
  });
  return createSqlLog(
    {
      name: 'SQLite',
      read: port.read,
      write: writeAtOnce,
      writeBatches,
      isInProcess: true,
      others: {
        pollMs,
        values: 'json_each($1)',
        version() {
          assertInPlace();
          return foreignVersion();
        },
      },
      close,
    },
    options,
  );
};
