/** Who may run a thread, decided by PostgreSQL and its clock: for programs on many machines that have no Redis. */
import type { RunLease } from '@chatkit/core';
import { createSqlLease } from '../shared/sql-lease.ts';
import type { SqlPort } from '../shared/sql-port.ts';
import type { PostgresPool } from './postgres-client.ts';
import { idleTimeoutMs, openPostgres } from './postgres-database.ts';
import { createPostgresSignals } from './postgres-signals.ts';

export interface PostgresLeaseOptions {
  /**
   * A pool, for example `new pg.Pool()`. The lease keeps one of its connections to listen for stops. The application
   * ends it.
   */
  client: PostgresPool;
  /** How long a lease lasts without a renewal: the time after which a dead machine's run is ended. Default 15 s. */
  ttlMs?: number | undefined;
  /** How long the record of an ended run is kept. Default 10 minutes. */
  retainMs?: number | undefined;
  /** Whether the first call makes or updates the tables, as for the store. Default `true`. */
  migrate?: boolean | undefined;
  /** How long a call waits for a connection, before it fails as retryable. Default 10,000. */
  connectTimeoutMs?: number | undefined;
  /** How long a statement may go unanswered, before its call fails as retryable. Default 30,000. */
  statementTimeoutMs?: number | undefined;
}

/**
 * Leases that many machines share by one database. One run has a thread at a time; a run whose owner has not renewed in
 * time goes to the next caller of `reap()`, under the next epoch, which is what fences the old owner off in the log.
 * Time is that of the database.
 *
 * Decisions about one thread wait for each other (an advisory lock), those about different ones do not. Stops and free
 * threads travel by `NOTIFY`, over a connection of the pool that the lease keeps from the first listener to `close()`;
 * so the pool needs more than one, and a pooler in between must keep sessions. A call rejects as the store's do; what
 * that means for a run is decided by the time since its last renewal. `close()` ends listening; your pool stays open.
 *
 * @example
 * const lease = createPostgresLease({ client: new pg.Pool({ connectionString }) });
 */
export const createPostgresLease = (options: PostgresLeaseOptions): RunLease => leaseByClock(options, databaseNow);

/** The same by any clock that all machines share. */
export const leaseByClock = (
  {
    client,
    ttlMs = 15_000,
    retainMs = 600_000,
    migrate = true,
    connectTimeoutMs = 10_000,
    statementTimeoutMs = 30_000,
  }: PostgresLeaseOptions,
  now: (db: SqlPort) => number | Promise<number>,
): RunLease => {
  if (typeof client?.connect !== 'function') throw new TypeError('createPostgresLease needs a pool (pg.Pool).');
  const owner = crypto.randomUUID();
  return createSqlLease({
    port: repeating(openPostgres(client, { connectTimeoutMs, statementTimeoutMs, idleTimeoutMs }, migrate)),
    lock: (db, threadId) => db.read('SELECT pg_advisory_xact_lock($1::int, hashtext($2))', [lockClass, threadId]),
    ttlMs,
    retainMs,
    now,
    owner: () => owner,
    signals: createPostgresSignals({ client, quietMs: Math.min(ttlMs / 3, 5_000) }),
    close() {},
  });
};

const databaseNow = async (db: SqlPort): Promise<number> => {
  const [row] = await db.read('SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now', []);
  return Number(row?.['now']);
};

/** Any number; the same in every process. */
const lockClass = 724_011_686;

/** How often a decision is made that others have come in between of. */
const attempts = 10;

/** A decision does nothing beside its transaction, so it can be made again. */
const repeating = (port: SqlPort): SqlPort => ({
  ...port,
  async transaction(work) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await port.transaction(work);
      } catch (error) {
        if (!isCollision(error) || attempt === attempts) throw error;
      }
    }
  },
});

/**
 * `unique_violation`: a run was sent to two threads at once. `serialization_failure` and `deadlock_detected` come with
 * a cause.
 */
const isCollision = (error: unknown): boolean => {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: { code?: unknown } };
  return code === '23505' || cause?.code === '40001' || cause?.code === '40P01';
};
