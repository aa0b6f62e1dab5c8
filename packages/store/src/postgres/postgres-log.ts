/** A log of runs in PostgreSQL: for programs on many machines that have no Redis. */
import { createSqlLog, type SqlLog, type SqlLogOptions } from '../shared/sql-log.ts';
import { runSteps } from '../shared/sql-steps.ts';
import type { PostgresClient } from './postgres-client.ts';
import { idleTimeoutMs, openPostgres } from './postgres-database.ts';
import { writePostgresBatches } from './postgres-log-steps.ts';

export interface PostgresLogOptions extends SqlLogOptions {
  /** A pool, for example `new pg.Pool()`; or a client with transactions, for example PGlite. You close it. */
  client: PostgresClient;
  /** Whether the first call creates or updates the tables, as for the store. Default `true`. */
  migrate?: boolean | undefined;
  /** How long a call waits for a connection before it counts as failed. Default 10,000. */
  connectTimeoutMs?: number | undefined;
  /** How long a statement may take before it counts as failed. Default 10,000. */
  statementTimeoutMs?: number | undefined;
}

/** A log in PostgreSQL. */
export type PostgresLog = SqlLog;

/** How often other machines' runs are polled. */
const pollMs = 100;

/**
 * A log that many machines share through one database. Readers on the run's own machine get each event at once, from
 * memory. The database has it after `flushMs` and a transaction of six round trips, which carries the batches of all
 * runs of the machine. The promise of the terminal entry resolves when that entry is stored. A machine that dies loses
 * what had not been written.
 *
 * A machine with readers of other machines' runs polls every 100 ms: one statement for all of them, and one more for
 * each run that has new entries. With dozens of such runs at once, or when readers must lag less, use Redis.
 *
 * Failed statements are retried; after `unreachableMs` runs, readers and calls fail with a retryable `internal`. No
 * call waits for ever and no rejection is left unhandled. `close()` forgets the runs; your pool stays open.
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
