/** A database of PostgreSQL with our tables in it, however a client of it was given. */
import type { SqlPort } from '../shared/sql-port.ts';
import { migrateWithin } from './migrations.ts';
import { createPostgresPort, type PostgresClient, type PostgresLimits } from './postgres-client.ts';

/**
 * How long a transaction of a log or a lease may stand still. None of them waits for anything but the database, so one
 * that does is a machine's that is suspended, or has no turn.
 */
export const idleTimeoutMs = 5_000;

/** Opens it. With `migrate` the first call makes or updates the tables. */
export const openPostgres = (client: PostgresClient, limits: PostgresLimits, migrate: boolean): SqlPort => {
  surviveLostConnections(client);
  let migrated: Promise<void> | undefined;
  return createPostgresPort(client, limits, async () => {
    if (!migrate) return;
    migrated ??= migrateWithin(client, limits).catch((error) => {
      // The next call tries again: a database that was not up yet must not break the process for good.
      migrated = undefined;
      throw error;
    });
    await migrated;
  });
};

/** Pools that have a listener of ours: one is enough, however many stores there are. */
const heard = new WeakSet<PostgresClient>();

/**
 * A connection that is lost while nobody uses it has left the pool already; without a listener `pg` would end the
 * process.
 */
const surviveLostConnections = (client: PostgresClient): void => {
  if (!('connect' in client) || heard.has(client)) return;
  heard.add(client);
  client.on?.('error', () => {});
};
