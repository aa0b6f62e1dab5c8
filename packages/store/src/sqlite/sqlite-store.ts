/**
 * A `Store` in one file, by Node's own SQLite: for programs on one machine. Several processes may share the file. One
 * connection writes and one reads, so that reads see the state before an open transaction instead of waiting for it.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { ChatKitError, type Store } from '@chatkit/core';
import { collect, pipe, retry } from '@chatkit/stream';
import { inTransaction, type SqlPort, type SqlQuery, transactionWords } from '../shared/sql-port.ts';
import { createSqlStore } from '../shared/sql-store.ts';
import { createUserOf, type UserIdOf } from '../shared/user-of.ts';
import { createWriterLock } from '../shared/writer-lock.ts';
import { migrateSqlite } from './migrations.ts';

export interface SqliteStoreOptions<Context> {
  /** The file, made when it is missing. A database in memory cannot be shared by two connections: use `/memory`. */
  path: string;
  /** Whose context it is. Default as in `createMemoryStore`. */
  userId?: UserIdOf<Context> | undefined;
  /** How long a write waits for another process that is writing, before it fails as retryable. Default 5,000. */
  busyTimeoutMs?: number | undefined;
}

/** A store in an SQLite file, and the means to close it. */
export interface SqliteStore<Context> extends Store<Context>, Disposable {
  /** Closes the file. Calls that come later fail. */
  close(): void;
}

/**
 * A store in the file at `path`, which is opened and migrated at once (synchronously, as all of `node:sqlite` is). Writes
 * are durable once acknowledged, except that a power cut may take the last ones (WAL with `synchronous = NORMAL`); a
 * crash of the process takes none. Waiting for another process does not block the event loop.
 *
 * Inside `transaction(work)` use the store that `work` is given: a write to the outer one would wait for the
 * transaction, and so for itself.
 *
 * @example
 * const store = createSqliteStore<{ userId: string }>({ path: 'chat.db' });
 */
export const createSqliteStore = <Context = unknown>(options: SqliteStoreOptions<Context>): SqliteStore<Context> => {
  const { path, busyTimeoutMs = 5_000 } = options;
  if (path === '' || path.startsWith(':memory:') || path.includes('mode=memory'))
    throw new TypeError('createSqliteStore needs a file: for a store in memory, use createMemoryStore.');
  const writer = open(path, busyTimeoutMs, false);
  let reader: DatabaseSync;
  try {
    switchToWal(writer, busyTimeoutMs);
    writer.exec('PRAGMA synchronous = NORMAL');
    migrateSqlite(writer);
    reader = open(path, busyTimeoutMs, true);
  } catch (error) {
    writer.close();
    throw error;
  }
  // From here on nobody waits inside SQLite, where waiting would stop the event loop.
  for (const database of [writer, reader]) database.exec('PRAGMA busy_timeout = 0');

  const lock = createWriterLock();
  const read = createQuery(reader, busyTimeoutMs);
  const write = createQuery(writer, busyTimeoutMs);
  const port: SqlPort = {
    read,
    write: (text, values) => lock.run(() => write(text, values)),
    transaction: (work) => lock.run(() => inTransaction(write, transactionWords('BEGIN IMMEDIATE'), work)),
  };
  const connections = new Set([reader, writer]);
  const close = (): void => {
    for (const database of connections) database.close();
    connections.clear();
  };
  return {
    ...createSqlStore(port, createUserOf(options.userId), { forUpdate: '', forShare: '' }),
    close,
    [Symbol.dispose]: close,
  };
};

const open = (path: string, busyTimeoutMs: number, readOnly: boolean): DatabaseSync => {
  const database = new DatabaseSync(path, { readOnly, enableForeignKeyConstraints: true });
  // A statement, because Node before 22.16 passes over the option of that name.
  database.exec(`PRAGMA busy_timeout = ${Math.trunc(busyTimeoutMs)}`);
  return database;
};

/**
 * Turns write-ahead logging on. Two processes that do so to one new file refuse each other at once, whatever the timeout,
 * because each holds the lock that the other has to upgrade past (https://sqlite.org/wal.html, "Sometimes Queries Return
 * SQLITE_BUSY In WAL Mode"). So it is tried again, and waited for as the rest of opening is: inside this call.
 */
const switchToWal = (database: DatabaseSync, busyTimeoutMs: number): void => {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (const deadline = performance.now() + busyTimeoutMs; ; Atomics.wait(clock, 0, 0, 1 + 9 * Math.random())) {
    try {
      database.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadline) throw error;
    }
  }
};

/**
 * Statements on one connection, prepared once each. Values are bound by name, `$1` and so on: SQLite's own numbered `?1` is refused
 * by `node:sqlite` before 22.19 and 24.4 ("column index out of range").
 */
const createQuery = (database: DatabaseSync, busyTimeoutMs: number): SqlQuery => {
  const prepared = new Map<string, StatementSync>();
  return async (text, values) => {
    let statement = prepared.get(text);
    if (statement === undefined) {
      statement = database.prepare(text);
      // A time after 2255, or before 1684, is a number of microseconds that is refused otherwise.
      statement.setReadBigInts(true);
      prepared.set(text, statement);
    }
    const named: Record<string, SQLInputValue> = {};
    for (let at = 0; at < values.length; at += 1) named[`$${at + 1}`] = values[at] as SQLInputValue;
    const run = () => (statement as StatementSync).all(named);
    try {
      return run();
    } catch (error) {
      if (!isBusy(error)) throw error;
      return whenFree(run, busyTimeoutMs);
    }
  };
};

/**
 * Tries again while another process writes, for at most `busyTimeoutMs`; at random, so that two do not keep step. Time in which this
 * process had no turn does not count: on a machine that is overloaded that is nearly all of it, and a few looks say little.
 */
const whenFree = async <T>(run: () => T, busyTimeoutMs: number): Promise<T> => {
  let waitedMs = 0;
  let triedAt = performance.now();
  const attempt = async function* () {
    yield run();
  };
  const when = (error: unknown): boolean => {
    const now = performance.now();
    waitedMs += Math.min(now - triedAt, slowestLookMs);
    triedAt = now;
    return isBusy(error) && waitedMs < busyTimeoutMs;
  };
  try {
    const results = await pipe(
      retry(attempt, { retries: Number.POSITIVE_INFINITY, baseMs: 2, maxMs: slowestLookMs, when }),
      collect,
    );
    return results[0] as T;
  } catch (error) {
    if (!isBusy(error)) throw error;
    throw new ChatKitError('internal', 'Another process has been writing to the database file for too long.', {
      retryable: true,
      cause: error,
    });
  }
};

/** How long one pause is at most. */
const slowestLookMs = 50;

/** SQLITE_BUSY, with whichever extension in the higher bits. */
const isBusy = (error: unknown): boolean => ((error as { errcode?: number }).errcode ?? 0) % 256 === 5;
