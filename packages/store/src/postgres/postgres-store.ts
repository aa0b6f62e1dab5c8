/** A `Store` in PostgreSQL, through the application's own client: for programs on many machines. */
import type { Store } from '@chatkit/core';
import { createSqlStore } from '../shared/sql-store.ts';
import { createUserOf, type UserIdOf } from '../shared/user-of.ts';
import { patientPort } from './patient-port.ts';
import type { PostgresClient } from './postgres-client.ts';
import { openPostgres } from './postgres-database.ts';

export interface PostgresStoreOptions<Context> {
  /** A pool, for example `new pg.Pool()`; or a client with transactions, for example PGlite. You close it. */
  client: PostgresClient;
  /** The id of the user that a context belongs to. Default as in `createMemoryStore`. */
  userOf?: UserIdOf<Context> | undefined;
  /**
   * Whether the first call creates or updates the tables. Default `true`. With `false`, run `migratePostgres` first,
   * with a role that may create tables.
   */
  migrate?: boolean | undefined;
  /**
   * How long a call waits for a connection before it fails with a retryable error, and how long for a database that has
   * answered before and is away for a moment. Default 10,000.
   */
  connectTimeoutMs?: number | undefined;
  /**
   * How long a statement may take before its call fails with a retryable error and its connection is closed. Default
   * 30,000.
   */
  statementTimeoutMs?: number | undefined;
  /**
   * How long a transaction may be idle before PostgreSQL ends its session and frees its locks. Default 20,000; 0 leaves
   * your pool's setting of `idle_in_transaction_session_timeout`.
   */
  idleTimeoutMs?: number | undefined;
}

/**
 * A store in the database of `client`, which must use UTF-8; PostgreSQL 12 or later. Connects at the first call. Errors
 * of the database and of the connection are passed through as the client throws them. No call waits for ever: it fails
 * with a retryable `internal` when no connection or no result comes in time, and so does a transaction that PostgreSQL
 * rolled back because of a conflict. A single write that conflicts is retried; and so is, while the database is away (a
 * restart, a failover), any call but a transaction that has begun.
 *
 * Inside `transaction(work)`, `loadThread` locks the thread's row until the end, so that a read followed by a write
 * loses no concurrent change. Each open transaction occupies a connection of the pool; calls to the outer store from
 * inside `work` need another one. A transaction that is idle for `idleTimeoutMs` is rolled back and its next statement
 * fails, so a machine that is suspended in a transaction, or cut off, does not block others.
 *
 * @example
 * const store = createPostgresStore<{ userId: string }>({ client: new pg.Pool({ connectionString }) });
 */
export const createPostgresStore = <Context = unknown>({
  client,
  userOf,
  migrate = true,
  connectTimeoutMs = 10_000,
  statementTimeoutMs = 30_000,
  idleTimeoutMs = 20_000,
}: PostgresStoreOptions<Context>): Store<Context> => {
  const port = openPostgres(client, { connectTimeoutMs, statementTimeoutMs, idleTimeoutMs }, migrate);
  return createSqlStore(patientPort(port, connectTimeoutMs), createUserOf(userOf), {
    forUpdate: ' FOR NO KEY UPDATE',
    forShare: ' FOR KEY SHARE',
  });
};
