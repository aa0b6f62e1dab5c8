/** A `Store` in PostgreSQL, through whichever client the application has: for programs on many machines. */
import type { Store } from '@chatkit/core';
import { createSqlStore } from '../shared/sql-store.ts';
import { createUserOf, type UserIdOf } from '../shared/user-of.ts';
import type { PostgresClient } from './postgres-client.ts';
import { openPostgres } from './postgres-database.ts';

export interface PostgresStoreOptions<Context> {
  /**
   * A pool, for example `new pg.Pool()`; or a client with transactions, for example PGlite. The application ends it.
   */
  client: PostgresClient;
  /** Whose context it is. Default as in `createMemoryStore`. */
  userOf?: UserIdOf<Context> | undefined;
  /**
   * Whether the first call makes or updates the tables. Default `true`. With `false`, run `migratePostgres` before,
   * with a role that may create tables.
   */
  migrate?: boolean | undefined;
  /** How long a call waits for a connection, before it fails as retryable. Default 10,000. */
  connectTimeoutMs?: number | undefined;
  /**
   * How long a statement may go unanswered, before its call fails as retryable and its connection is closed. Default
   * 30,000.
   */
  statementTimeoutMs?: number | undefined;
  /**
   * How long the work of a transaction may ask for nothing, before PostgreSQL ends it and its session, with the locks
   * on its threads. Default 20,000; 0 leaves it to the setting of your pool (`idle_in_transaction_session_timeout`).
   */
  idleTimeoutMs?: number | undefined;
}

/**
 * A store in the database of `client`. The database has to be in UTF-8; PostgreSQL 12 or later. Connects at the first
 * call. Errors of the database and of the connection come through as the client throws them. No call waits for ever: it
 * fails with a retryable `internal` when there is no connection or no answer in time, and a transaction also when
 * PostgreSQL gave it up because of another one. A single write that it gave up so is sent again.
 *
 * Inside `transaction(work)`, `loadThread` holds the thread's row until the end, so that reading it and writing it back
 * loses nothing. Each open transaction has a connection of the pool: calls to the outer store from inside `work` need
 * another one. Work that asks for nothing for `idleTimeoutMs` is undone, and what it asks for then fails: a machine
 * that is suspended in the middle of it, or cut off, holds nobody up.
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
  return createSqlStore(port, createUserOf(userOf), {
    forUpdate: ' FOR NO KEY UPDATE',
    forShare: ' FOR KEY SHARE',
  });
};
