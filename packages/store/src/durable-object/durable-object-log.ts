/**
 * A log of runs in the SQLite storage of a Durable Object: what was said of an answer is there when the object has been
 * evicted in the middle of it.
 */
import { createSqlLog, type SqlLog, type SqlLogOptions } from '../shared/sql-log.ts';
import { writeBatches } from '../shared/sql-log-steps.ts';
import { runStepsAtOnce } from '../shared/sql-steps.ts';
import { type DurableObjectStorageLike, maxRowBytes, openStorage } from './object-storage.ts';

export interface DurableObjectLogOptions extends SqlLogOptions {
  /** `ctx.storage` of an object whose class has SQLite storage (`new_sqlite_classes` in Wrangler's configuration). */
  storage: DurableObjectStorageLike;
  /**
   * How long an event waits for others at most before it is written. Default 250 ms: the platform counts rows. Readers
   * never wait.
   */
  flushMs?: number | undefined;
}

/** A log in the storage of a Durable Object. */
export type DurableObjectLog = SqlLog;

/** Room in a row for what stands beside an event. */
const besideEventBytes = 200;

/**
 * A log in the storage of a Durable Object, whose tables are made at once; the constructor of the object is the place
 * to make it. Readers get each event at once, from memory; the storage has it within `flushMs`, and the promise of the
 * terminal entry resolves when it does. An object that is evicted loses that much of its answers. Two or three rows are
 * written per run and interval.
 *
 * One event takes 2,000,000 bytes of JSON; a larger one is refused with `event.too_large`. After `storage.deleteAll()`
 * runs in progress are ended with `log.expired`, and new ones go on. When the storage fails for `unreachableMs`, runs
 * and calls fail with a retryable `internal`. Throws a `TypeError` without the storage, and what the storage says when
 * it has no SQLite.
 *
 * With `createDurableObjectLease` beside it the next instance of the object knows the runs that the last one had: their
 * readers come back to what was said and to how it ended. The log alone tells it nothing of them.
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
