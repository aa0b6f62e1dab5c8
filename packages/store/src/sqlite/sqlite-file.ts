/**
 * A SQLite database file, opened twice: one connection for writes, one after another, and one for reads, so that a read
 * sees the state before an open transaction instead of waiting for it. Several processes may share the file.
 */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { longestTimerMs } from '../shared/longest-timer.ts';
import { inTransaction, type SqlPort, type SqlQuery, transactionOn } from '../shared/sql-port.ts';
import { runStepsAtOnce, type SqlSteps } from '../shared/sql-steps.ts';
import { createWriterLock } from '../shared/writer-lock.ts';
import { watchFile } from './database-file.ts';
import { migrateSqlite } from './migrations.ts';
import { createQueries, createRunner, isBusy } from './sqlite-query.ts';

export interface SqliteFileOptions {
  /** What the file is opened for, for error messages. */
  readonly kind: 'Store' | 'Log' | 'Lease';
  readonly path: string;
  readonly busyTimeoutMs: number;
}

export interface SqliteFile {
  readonly port: SqlPort;
  /** Runs steps in a transaction synchronously, which costs half of what promises do. */
  writeAtOnce<T>(steps: () => SqlSteps<T>): Promise<T>;
  /** Throws `internal` while the file has been removed or replaced. */
  assertInPlace(): void;
  /** A number that changes when any other connection, in this process or another, has written to the file. */
  foreignVersion(): number;
  /** Closes both connections; later calls fail. */
  close(): void;
}

/**
 * How long the write-ahead log grows until a commit carries it over into the file. With synchronous = NORMAL only that
 * waits for the disk, two or three times, and the event loop with it. SQLite's default of 1,000 pages comes twice a
 * second with 50 answers in progress. Price: the `-wal` file takes up to 32 MB.
 */
const checkpointPages = 8_000;

/** Opens the file at `path`, creates it if it is missing, and migrates it, all synchronously. */
export const openSqliteFile = ({ kind, path, busyTimeoutMs }: SqliteFileOptions): SqliteFile => {
  assertPath(path, kind);
  const writer = open(path, busyTimeoutMs, false);
  let reader: DatabaseSync;
  try {
    switchToWal(writer, busyTimeoutMs);
    writer.exec('PRAGMA synchronous = NORMAL');
    writer.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages}`);
    migrateSqlite(writer);
    reader = open(path, busyTimeoutMs, true);
  } catch (error) {
    writer.close();
    throw error;
  }
  // From here on SQLite itself does not wait for locks, because that would block the event loop.
  for (const database of [writer, reader]) database.exec('PRAGMA busy_timeout = 0');

  const lock = createWriterLock();
  const assertInPlace = watchFile(path);
  const write = createRunner(writer);
  const reading = createQueries(createRunner(reader), busyTimeoutMs);
  const writing = createQueries(write, busyTimeoutMs);
  const inLine = <T>(work: (query: SqlQuery) => Promise<T>): Promise<T> => {
    const query = writing();
    return lock.run(() => {
      assertInPlace();
      return work(query);
    });
  };
  /** Once the transaction has begun, no other connection can make it busy. */
  const transactAtOnce = async <T>(query: SqlQuery, steps: SqlSteps<T>): Promise<T> => {
    await query('BEGIN IMMEDIATE', []);
    try {
      const result = runStepsAtOnce(steps, write);
      write('COMMIT', []);
      return result;
    } catch (error) {
      // SQLite may have rolled back by itself.
      if (writer.isTransaction !== false) attempt(() => write('ROLLBACK', []));
      throw error;
    }
  };
  const connections = new Set([reader, writer]);
  // Of the connection that writes: what it has written itself does not count for it.
  const dataVersion = writer.prepare('PRAGMA data_version');
  return {
    port: {
      read: (text, values) => reading()(text, values),
      write: (text, values) => inLine((query) => query(text, values)),
      transaction: (work) => inLine((query) => inTransaction(transactionOn(query, 'BEGIN IMMEDIATE'), work)),
    },
    writeAtOnce: (steps) => inLine((query) => transactAtOnce(query, steps())),
    assertInPlace,
    foreignVersion: () => Number(dataVersion.get()?.['data_version']),
    close() {
      for (const database of connections) database.close();
      connections.clear();
    },
  };
};

const attempt = (work: () => unknown): void => {
  try {
    work();
  } catch {
    // The original error is being thrown already.
  }
};

const assertPath = (path: unknown, kind: SqliteFileOptions['kind']): void => {
  if (typeof path !== 'string') throw new TypeError(`createSqlite${kind} needs a file: { path: 'chat.db' }.`);
  if (path === '' || path.startsWith(':memory:') || path.includes('mode=memory')) {
    const what = kind.toLowerCase();
    throw new TypeError(`createSqlite${kind} needs a file: for a ${what} in memory, use createMemory${kind}.`);
  }
  // SQLite would only say "unable to open database file".
  if (!path.startsWith('file:') && !existsSync(dirname(path))) {
    throw new Error(`createSqlite${kind} cannot create ${path}: its folder does not exist.`);
  }
};

const open = (path: string, busyTimeoutMs: number, readOnly: boolean): DatabaseSync => {
  const database = new DatabaseSync(path, { readOnly, enableForeignKeyConstraints: true });
  // By a statement, because Node before 22.16 ignores the option of that name.
  database.exec(`PRAGMA busy_timeout = ${Math.min(Math.trunc(busyTimeoutMs), longestTimerMs)}`);
  return database;
};

/**
 * Turns write-ahead logging on. Two processes that do so to one new file refuse each other at once, whatever the
 * timeout, because each holds the lock that the other has to upgrade past (https://sqlite.org/wal.html, "Sometimes
 * Queries Return SQLITE_BUSY In WAL Mode"). So it is retried, and the wait is synchronous, as is the rest of opening.
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
