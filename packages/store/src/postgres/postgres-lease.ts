/**
 * Leases (which machine may run a thread) in PostgreSQL, timed by its clock: for programs on many machines that have no
 * Redis.
 */
import type { RunLease } from '@chatkit/core';
import { createSqlLease } from '../shared/sql-lease.ts';
import type { SqlPort } from '../shared/sql-port.ts';
import { patientPort } from './patient-port.ts';
import type { PostgresPool } from './postgres-client.ts';
import { idleTimeoutMs, openPostgres } from './postgres-database.ts';
import { createPostgresSignals } from './postgres-signals.ts';

export interface PostgresLeaseOptions {
  /**
   * A pool, for example `new pg.Pool()`. The lease keeps one of its connections to listen for stops. You close the
   * pool.
   */
  client: PostgresPool;
  /** How long a lease lasts without a renewal: the time after which a dead machine's run is ended. Default 15 s. */
  ttlMs?: number | undefined;
  /** How long the record of an ended run is kept. Default 10 minutes. */
  retainMs?: number | undefined;
  /** Whether the first call creates or updates the tables, as for the store. Default `true`. */
  migrate?: boolean | undefined;
  /** How long a call waits for a connection, or for a database that is away, before it fails. Default 10,000. */
  connectTimeoutMs?: number | undefined;
  /** How long a statement may take before its call fails with a retryable error. Default 30,000. */
  statementTimeoutMs?: number | undefined;
}

/**
 * Leases that many machines share through one database. One run holds a thread at a time; a run whose owner has not
 * renewed in time goes to the next caller of `reap()`, under the next epoch, by which the log fences off the old owner.
 * Time is measured by the database.
 *
 * Decisions about one thread are serialized by an advisory lock; those about different threads are not. Stop requests
 * and news of free threads travel by `NOTIFY`, over one connection of the pool that the lease keeps from the first
 * listener to `close()`. So the pool needs more than one connection, and a pooler in between must be in session mode.
 * Calls reject as the store's do, but a rejected renewal alone does not end a run: what counts is the time since the
 * last one that succeeded. `close()` ends listening; your pool stays open.
 *
 * @example
 * const lease = createPostgresLease({ client: new pg.Pool({ connectionString }) });
 */
export const createPostgresLease = (options: PostgresLeaseOptions): RunLease => leaseByClock(options, databaseNow);

/** The same, with any clock that all machines share. */
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
  if (typeof client?.connect !== 'function')
    throw new TypeError('createPostgresLease() needs a pool: { client: new pg.Pool() }.');
  const owner = crypto.randomUUID();
  const port = openPostgres(client, { connectTimeoutMs, statementTimeoutMs, idleTimeoutMs }, migrate);
  return createSqlLease({
    port: repeating(patientPort(port, connectTimeoutMs)),
    lock: (db, threadIds) => db.read(lockThreads, [lockClass, threadIds]),
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

/** In the order of the locks, not of the threads, whose hashes may be equal: else two transactions could deadlock. */
const lockThreads = `SELECT pg_advisory_xact_lock($1::int, lock) FROM
  (SELECT DISTINCT hashtext(thread) AS lock FROM unnest($2::text[]) AS thread ORDER BY lock) AS locks`;

/** The advisory locks' class. Any number will do, the same in every process. */
const lockClass = 724_011_686;

/** How many times a decision is attempted that conflicts with others. */
const attempts = 10;

/** A decision has no effect outside its transaction, so it can be repeated. */
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
 * `unique_violation`: one run id came for two threads at once. `serialization_failure` and `deadlock_detected` are in
 * `cause`.
 */
const isCollision = (error: unknown): boolean => {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: { code?: unknown } };
  return code === '23505' || cause?.code === '40001' || cause?.code === '40P01';
};
