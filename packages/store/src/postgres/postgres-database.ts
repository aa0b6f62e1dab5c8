/** Opens a PostgreSQL database through the application's client, and creates our tables in it. */
import type { SqlPort } from '../shared/sql-port.ts';
import { migrateWithin } from './migrations.ts';
import { createPostgresPort, type PostgresClient, type PostgresLimits } from './postgres-client.ts';

/**
 * How long a transaction of a log or a lease may be idle. None of them waits for anything but the database, so an idle
 * one means that its machine is suspended or starved.
 */
export const idleTimeoutMs = 5_000;

/** Opens the database. With `migrate` the first call creates or updates the tables. */
export const openPostgres = (client: PostgresClient, limits: PostgresLimits, migrate: boolean): SqlPort => {
  surviveLostConnections(client);
  let migrated: Promise<void> | undefined;
  return createPostgresPort(client, limits, async () => {
    if (!migrate) return;
    migrated ??= migrateWithin(client, limits).catch((error) => {
      // Let the next call try again: a database that was not up yet must not break the process for good.
      migrated = undefined;
      throw error;
    });
    await migrated;
  });
};

/** Pools that already have our listener; one is enough, however many stores share a pool. */
const heard = new WeakSet<PostgresClient>();

/**
 * Without an `error` listener the loss of a connection would end the process: of an idle one, which has left the pool
 * already, and of one that is lost in the chunk of bytes that made it, before whoever asked for it can listen. That one
 * fails its next statement.
 */
const surviveLostConnections = (client: PostgresClient): void => {
  if (!('connect' in client) || heard.has(client)) return;
  heard.add(client);
  client.on?.('error', () => {});
  // A single connection, which is refused later, emits it without an argument.
  client.on?.('connect', (connection) => void connection?.on?.('error', () => {}));
};
