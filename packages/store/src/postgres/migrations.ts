/** The PostgreSQL tables and their migrations: steps that run once each, in order. A released step is never changed. */
import { createPostgresPort, noLimits, type PostgresClient, type PostgresLimits } from './postgres-client.ts';

const steps: readonly (readonly string[])[] = [
  [
    `CREATE TABLE chatkit_thread (
       seq bigint GENERATED ALWAYS AS IDENTITY,
       user_id text NOT NULL,
       id text NOT NULL,
       created_us bigint NOT NULL,
       version integer NOT NULL,
       body text NOT NULL,
       PRIMARY KEY (user_id, id)
     )`,
    'CREATE INDEX chatkit_thread_order ON chatkit_thread (user_id, created_us, seq)',
    `CREATE TABLE chatkit_item (
       seq bigint GENERATED ALWAYS AS IDENTITY,
       user_id text NOT NULL,
       thread_id text NOT NULL,
       id text NOT NULL,
       created_us bigint NOT NULL,
       body text NOT NULL,
       PRIMARY KEY (user_id, thread_id, id),
       FOREIGN KEY (user_id, thread_id) REFERENCES chatkit_thread (user_id, id) ON DELETE CASCADE
     )`,
    'CREATE INDEX chatkit_item_order ON chatkit_item (user_id, thread_id, created_us, seq)',
    `CREATE TABLE chatkit_attachment (
       user_id text NOT NULL,
       id text NOT NULL,
       body text NOT NULL,
       PRIMARY KEY (user_id, id)
     )`,
  ],
  [
    `CREATE TABLE chatkit_lease_run (
       run_id text PRIMARY KEY,
       thread_id text NOT NULL,
       epoch integer NOT NULL,
       resumable integer NOT NULL,
       user_id text,
       outcome text,
       stop text,
       owner text NOT NULL,
       held_since bigint NOT NULL,
       held_until bigint NOT NULL
     )`,
    'CREATE UNIQUE INDEX chatkit_lease_active ON chatkit_lease_run (thread_id) WHERE outcome IS NULL',
    'CREATE INDEX chatkit_lease_ended ON chatkit_lease_run (held_until) WHERE outcome IS NOT NULL',
    `CREATE TABLE chatkit_lease_place (
       run_id text PRIMARY KEY,
       thread_id text NOT NULL,
       place integer NOT NULL,
       machine text NOT NULL,
       resumable integer NOT NULL,
       user_id text,
       stop text
     )`,
    'CREATE INDEX chatkit_lease_line ON chatkit_lease_place (thread_id, place)',
    `CREATE TABLE chatkit_lease_machine (
       thread_id text NOT NULL,
       machine text NOT NULL,
       owner text NOT NULL,
       held_since bigint NOT NULL,
       held_until bigint NOT NULL,
       PRIMARY KEY (thread_id, machine)
     )`,
  ],
  [
    `CREATE TABLE chatkit_log_run (
       number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
       id text NOT NULL UNIQUE,
       epoch bigint NOT NULL,
       seq bigint NOT NULL,
       writer text NOT NULL,
       outcome text NOT NULL,
       dropped_epoch bigint NOT NULL,
       dropped_seq bigint NOT NULL,
       bytes bigint NOT NULL,
       expires_ms bigint NOT NULL
     )`,
    'CREATE INDEX chatkit_log_run_expiry ON chatkit_log_run (expires_ms)',
    `CREATE TABLE chatkit_log_batch (
       run bigint NOT NULL REFERENCES chatkit_log_run (number) ON DELETE CASCADE,
       epoch bigint NOT NULL,
       seq bigint NOT NULL,
       bytes bigint NOT NULL,
       body text NOT NULL,
       PRIMARY KEY (run, epoch, seq)
     )`,
  ],
];

/**
 * The advisory lock's key. Any number will do, the same in every process, so that processes that start together wait
 * for each other.
 */
const lockKey = 7_240_116_853;

/**
 * Creates or updates the tables in the first schema of the connection's `search_path`. Safe to run at any time, by any
 * number of processes at once: it does nothing when the tables are up to date.
 *
 * @example
 * await migratePostgres(new pg.Pool({ connectionString: process.env.ADMIN_DATABASE_URL }));
 */
export const migratePostgres = (client: PostgresClient): Promise<void> => migrateWithin(client, noLimits);

/** The same, with timeouts. */
export const migrateWithin = async (client: PostgresClient, limits: PostgresLimits): Promise<void> => {
  const outer = createPostgresPort(client, limits, async () => {});
  // A process without the right to create tables must be able to start once they are there.
  const [found] = await outer.read("SELECT to_regclass('chatkit_migration') IS NOT NULL AS present", []);
  if (found?.['present'] === true) {
    const [counted] = await outer.read('SELECT count(*) AS steps FROM chatkit_migration', []);
    if (Number(counted?.['steps']) >= steps.length) return;
  }
  await outer.transaction(async (port) => {
    await port.read('SELECT pg_advisory_xact_lock($1)', [lockKey]);
    await port.write('CREATE TABLE IF NOT EXISTS chatkit_migration (step integer PRIMARY KEY)', []);
    const done = new Set((await port.read('SELECT step FROM chatkit_migration', [])).map((row) => Number(row['step'])));
    for (const [index, statements] of steps.entries()) {
      if (done.has(index + 1)) continue;
      for (const statement of statements) await port.write(statement, []);
      await port.write('INSERT INTO chatkit_migration (step) VALUES ($1)', [index + 1]);
    }
  });
};
