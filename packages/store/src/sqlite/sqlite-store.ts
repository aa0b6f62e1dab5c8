/**
 * A `Store` in one file, by Node's own SQLite: for programs on one machine. Several processes may share the file. One
 * connection writes and one reads, so that reads see the state before an open transaction instead of waiting for it.
 */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Store } from '@chatkit/core';
import { inTransaction, type SqlPort, type SqlQuery, transactionOn } from '../shared/sql-port.ts';
import { createSqlStore } from '../shared/sql-store.ts';
import { createUserOf, type UserIdOf } from '../shared/user-of.ts';
import { createWriterLock } from '../shared/writer-lock.ts';
import { watchFile } from './database-file.ts';
import { migrateSqlite } from './migrations.ts';
import { createQueries, isBusy } from './sqlite-query.ts';

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
 * crash of the process takes none. Waiting for another process does not block the event loop. Errors of SQLite come through as
 * `node:sqlite` throws them (a full disk, a broken file): what they refuse is not stored, not even half of it, and the store goes on
 * when the cause is gone. While the file has been removed or replaced, writes are refused with `internal`.
 *
 * Inside `transaction(work)` use the store that `work` is given: a write to the outer one would wait for the
 * transaction, and so for itself, and fails after 30 seconds.
 *
 * @example
 * const store = createSqliteStore<{ userId: string }>({ path: 'chat.db' });
 */
export const createSqliteStore = <Context = unknown>(options: SqliteStoreOptions<Context>): SqliteStore<Context> => {
  const { path, busyTimeoutMs = 5_000 } = options;
  assertPath(path);
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
  const assertInPlace = watchFile(path);
  const reading = createQueries(reader, busyTimeoutMs);
  const writing = createQueries(writer, busyTimeoutMs);
  const inLine = <T>(work: (query: SqlQuery) => Promise<T>): Promise<T> => {
    const query = writing();
    return lock.run(() => {
      assertInPlace();
      return work(query);
    });
  };
  const port: SqlPort = {
    read: (text, values) => reading()(text, values),
    write: (text, values) => inLine((query) => query(text, values)),
    transaction: (work) => inLine((query) => inTransaction(transactionOn(query, 'BEGIN IMMEDIATE'), work)),
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

const assertPath = (path: unknown): void => {
  if (typeof path !== 'string') throw new TypeError("createSqliteStore needs a file: { path: 'chat.db' }.");
  if (path === '' || path.startsWith(':memory:') || path.includes('mode=memory')) {
    throw new TypeError('createSqliteStore needs a file: for a store in memory, use createMemoryStore.');
  }
  // SQLite would say "unable to open database file".
  if (!path.startsWith('file:') && !existsSync(dirname(path))) {
    throw new Error(`createSqliteStore cannot make ${path}: the folder is not there.`);
  }
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
