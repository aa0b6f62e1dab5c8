/** A log of runs in PostgreSQL: for programs on many machines that have no Redis. */
import { createSqlLog, type SqlLog, type SqlLogOptions } from '../shared/sql-log.ts';
import { runSteps } from '../shared/sql-steps.ts';
import type { PostgresClient } from './postgres-client.ts';
import { idleTimeoutMs, openPostgres } from './postgres-database.ts';
import { writePostgresBatches } from './postgres-log-steps.ts';

export interface PostgresLogOptions extends SqlLogOptions {
  /**
   * A pool, for example `new pg.Pool()`; or a client with transactions, for example PGlite. The application ends it.
   */
  client: PostgresClient;
  /** Whether the first call makes or updates the tables, as for the store. Default `true`. */
  migrate?: boolean | undefined;
  /** How long a call waits for a connection, before it counts as failed. Default 10,000. */
  connectTimeoutMs?: number | undefined;
  /** How long a statement may go unanswered, before it counts as failed. Default 10,000. */
  statementTimeoutMs?: number | undefined;
}

/** A log in PostgreSQL. */
export type PostgresLog = SqlLog;

/** How often a reader of another machine's run asks for more. */
const pollMs = 100;

/**
 * A log that many machines share by one database. Readers on the machine that runs a run get each event at once, from
 * memory; the database has it within `flushMs` and a transaction of six round trips, in which the batches of all runs
 * of a machine go together. The promise of the terminal entry resolves when it has it. A machine that dies takes with
 * it what was under way.
 *
 * A machine that has readers of others' runs asks every 100 ms: one statement for all of them, and one more for each
 * run that has gone on. Where some dozens go on at once, or where readers are to be closer behind, use Redis.
 *
 * A database that fails is tried again; after `unreachableMs` runs, readers and calls fail with a retryable `internal`.
 * Nobody waits for ever and no rejection is left unhandled. `close()` lets go of the runs; your pool stays open.
 *
 * @example
 * const client = new pg.Pool({ connectionString });
 * const log = createPostgresLog({ client });
 * const lease = createPostgresLease({ client });
 */
export const createPostgresLog = ({
  client,
  migrate = true,
  connectTimeoutMs = 10_000,
  statementTimeoutMs = 10_000,
  ...options
}: PostgresLogOptions): PostgresLog => {
  const port = openPostgres(client, { connectTimeoutMs, statementTimeoutMs, idleTimeoutMs }, migrate);
  return createSqlLog(
    {
      name: 'PostgreSQL',
      read: port.read,
      write: (steps) => port.transaction((inside) => runSteps(steps(), inside.write)),
      writeBatches: writePostgresBatches,
      isInProcess: false,
      others: { pollMs, values: 'json_array_elements_text($1::json)' },
      close() {},
    },
    options,
  );
};
