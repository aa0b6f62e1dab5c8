/// <reference lib="esnext.disposable" preserve="true" />
/**
 * A `Store` in one SQLite file, through `node:sqlite`: for programs on one machine. Several processes may share the
 * file.
 */
import type { Store } from '@chatkit/core';
import { createSqlStore } from '../shared/sql-store.ts';
import { createUserOf, type UserIdOf } from '../shared/user-of.ts';
import { openSqliteFile } from './sqlite-file.ts';

export interface SqliteStoreOptions<Context> {
  /**
   * The file, created if it is missing. A database in memory cannot be shared by two connections: use
   * `@chatkit/store/memory`.
   */
  path: string;
  /** The id of the user that a context belongs to. Default as in `createMemoryStore`. */
  userOf?: UserIdOf<Context> | undefined;
  /**
   * How long a write waits for another process that is writing before it fails with a retryable error. Default 5,000.
   */
  busyTimeoutMs?: number | undefined;
}

/** A store in a SQLite file, which can be closed. */
export interface SqliteStore<Context> extends Store<Context>, Disposable {
  /** Closes the file. Later calls fail. */
  close(): void;
}

/**
 * A store in the file at `path`, which is opened and migrated synchronously, as `node:sqlite` does everything. Writes
 * are durable once acknowledged, except that a power cut may take the last ones (WAL with `synchronous=NORMAL`); a
 * crash of the process takes none. Waiting for another process does not block the event loop. Errors of SQLite, such as
 * a full disk or a damaged file, are passed through as `node:sqlite` throws them; a write that failed has stored
 * nothing, not even a part, and the store works again when the cause is gone. While the file has been removed or
 * replaced, writes are refused with `internal`.
 *
 * Inside `transaction(work)` use the store that `work` is given: a write to the outer store would wait for the
 * transaction that it is part of, and fails after 30 seconds.
 *
 * @example
 * const store = createSqliteStore<{ userId: string }>({ path: 'chat.db' });
 */
export const createSqliteStore = <Context = unknown>(options: SqliteStoreOptions<Context>): SqliteStore<Context> => {
  const { path, busyTimeoutMs = 5_000 } = options;
  const { port, close } = openSqliteFile({ kind: 'Store', path, busyTimeoutMs });
  return {
    ...createSqlStore(port, createUserOf(options.userOf), { forUpdate: '', forShare: '' }),
    close,
    [Symbol.dispose]: close,
  };
};
