/**
 * A log of runs in the SQLite storage of a Durable Object: if the object is evicted in the middle of an answer, the
 * part that was written so far is still there.
 */
import { createSqlLog, type SqlLog, type SqlLogOptions } from '../shared/sql-log.ts';
import { writeBatches } from '../shared/sql-log-steps.ts';
import { runStepsAtOnce } from '../shared/sql-steps.ts';
import { type DurableObjectStorageLike, maxRowBytes, openStorage } from './object-storage.ts';

export interface DurableObjectLogOptions extends SqlLogOptions {
  /** `ctx.storage` of an object whose class has SQLite storage (`new_sqlite_classes` in Wrangler's configuration). */
  storage: DurableObjectStorageLike;
  /**
   * How long an event may wait for others before it is written. Default 250 ms, because the platform bills rows.
   * Readers never wait.
   */
  flushMs?: number | undefined;
}

/** A log in the storage of a Durable Object. */
export type DurableObjectLog = SqlLog;

/** Room in a row for the other columns. */
const besideEventBytes = 200;

/**
 * A log in the storage of a Durable Object; make it in the object's constructor. Its tables are created at once.
 * Readers get each event at once, from memory; the event is stored within `flushMs`, and the promise of the terminal
 * entry resolves when that entry is stored. An object that is evicted loses at most the last `flushMs` of its answers.
 * Two or three rows are written per run and interval.
 *
 * An event may have 2,000,000 bytes of JSON; a larger one is refused with `event.too_large`. After
 * `storage.deleteAll()` runs in progress end with `log.expired`, and new ones work. When the storage fails for
 * `unreachableMs`, runs and calls fail with a retryable `internal`. Throws a `TypeError` without the storage, and the
 * storage's own error when it has no SQLite.
 *
 * Use it together with `createDurableObjectLease`: then the object's next instance knows the runs that the last one
 * had, and their readers can resume and learn how the run ended. The log alone does not record which runs were in
 * progress.
 *
 * @example
 * const log = createDurableObjectLog({ storage: ctx.storage });
 * const lease = createDurableObjectLease({ storage: ctx.storage });
 * const server = createChatKitServer<string>({ store, respond, log, lease });
 */
export const createDurableObjectLog = ({
  storage,
  flushMs = 250,
  ...options
}: DurableObjectLogOptions): DurableObjectLog => {
  const database = openStorage(storage, 'Log');
  return createSqlLog(
    {
      name: 'The storage of the object',
      read: async (text, values) => database.run(text, values),
      write: async (steps) => database.inOnePiece(() => runStepsAtOnce(steps(), database.run)),
      writeBatches,
      isInProcess: true,
      maxEventBytes: maxRowBytes - besideEventBytes,
      close() {},
    },
    { flushMs, ...options },
  );
};
