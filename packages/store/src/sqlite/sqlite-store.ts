/// <reference lib="esnext.disposable" preserve="true" />
/** A `Store` in one file, by Node's own SQLite: for programs on one machine. Several processes may share the file. */
import type { Store } from '@chatkit/core';
import { createSqlStore } from '../shared/sql-store.ts';
import { createUserOf, type UserIdOf } from '../shared/user-of.ts';
import { openSqliteFile } from './sqlite-file.ts';

export interface SqliteStoreOptions<Context> {
  /** The file, made when it is missing. A database in memory cannot be shared by two connections: use `/memory`. */
  path: string;
  /** Whose context it is. Default as in `createMemoryStore`. */
  userOf?: UserIdOf<Context> | undefined;
  /** How long a write waits for another process that is writing, before it fails as retryable. Default 5,000. */
  busyTimeoutMs?: number | undefined;
}

/** A store in an SQLite file, and the means to close it. */
export interface SqliteStore<Context> extends Store<Context>, Disposable {
  /** Closes the file. Calls that come later fail. */
  close(): void;
}

/**
 * A store in the file at `path`, which is opened and migrated at once (synchronously, as all of `node:sqlite` is).
 * Writes are durable once acknowledged, except that a power cut may take the last ones (WAL with `synchronous =
 * NORMAL`); a crash of the process takes none. Waiting for another process does not block the event loop. Errors of
 * SQLite come through as `node:sqlite` throws them (a full disk, a broken file): what they refuse is not stored, not
 * even half of it, and the store goes on when the cause is gone. While the file has been removed or replaced, writes
 * are refused with `internal`.
 *
 * Inside `transaction(work)` use the store that `work` is given: a write to the outer one would wait for the
 * transaction, and so for itself, and fails after 30 seconds.
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
