/**
 * A log of runs in a SQLite file: for servers on one machine, of one process or several, whose answers must survive a
 * restart.
 */
import { createSqlLog, type SqlLog, type SqlLogOptions } from '../shared/sql-log.ts';
import { writeBatches } from '../shared/sql-log-steps.ts';
import { openSqliteFile } from './sqlite-file.ts';

export interface SqliteLogOptions extends SqlLogOptions {
  /** The file, created if it is missing. It may be that of the store. */
  path: string;
  /** How long one write waits for another process that is writing before it counts as failed. Default 5,000. */
  busyTimeoutMs?: number | undefined;
}

/** A log in a SQLite file. */
export type SqliteLog = SqlLog;

/** How often runs of other processes are polled. */
const pollMs = 20;

/**
 * A log in the file at `path`, which is opened and migrated synchronously. Readers in the run's own process get each
 * event at once, from memory. The file has the event within `flushMs`, and the promise of the terminal entry resolves
 * when that entry is written. A process that is killed loses at most the last `flushMs` of its answers; a power cut may
 * also take the last writes, back to the last checkpoint (WAL with `synchronous=NORMAL`). Several processes may share
 * the file, with `createSqliteLease`: a reader of another process's run lags by up to `flushMs` and 20 ms.
 *
 * The file may be that of the store, but a separate one is better, because a file has one writer at a time.
 *
 * While the file is full, busy, removed or replaced, writes are retried; readers here notice nothing until `append`
 * waits for room. After `unreachableMs` runs, readers and calls fail with a retryable `internal`. `create` and `delete`
 * fail as a write to the store does. No call waits for ever and no rejection is left unhandled.
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
