/**
 * The SQLite tables of stores, logs and leases, and their migrations: steps that run once each, in order. A released
 * step is never changed.
 *
 * `seq` is a column beside the row number and not the row number itself, because SQLite searches an index by
 * `(created_us, seq) < (?, ?)` only when both are ordinary columns; otherwise it scans all rows with an equal time.
 */
import type { SqlRow } from './sql-port.ts';

const steps: readonly string[] = [
  `CREATE TABLE chatkit_thread (
     row_number INTEGER PRIMARY KEY AUTOINCREMENT,
     seq INTEGER GENERATED ALWAYS AS (row_number) VIRTUAL,
     user_id TEXT NOT NULL,
     id TEXT NOT NULL,
     created_us INTEGER NOT NULL,
     version INTEGER NOT NULL,
     body TEXT NOT NULL,
     UNIQUE (user_id, id)
   ) STRICT;
   CREATE INDEX chatkit_thread_order ON chatkit_thread (user_id, created_us, seq);
   CREATE TABLE chatkit_item (
     row_number INTEGER PRIMARY KEY AUTOINCREMENT,
     seq INTEGER GENERATED ALWAYS AS (row_number) VIRTUAL,
     user_id TEXT NOT NULL,
     thread_id TEXT NOT NULL,
     id TEXT NOT NULL,
     created_us INTEGER NOT NULL,
     body TEXT NOT NULL,
     UNIQUE (user_id, thread_id, id),
     FOREIGN KEY (user_id, thread_id) REFERENCES chatkit_thread (user_id, id) ON DELETE CASCADE
   ) STRICT;
   CREATE INDEX chatkit_item_order ON chatkit_item (user_id, thread_id, created_us, seq);
   CREATE TABLE chatkit_attachment (
     user_id TEXT NOT NULL,
     id TEXT NOT NULL,
     body TEXT NOT NULL,
     PRIMARY KEY (user_id, id)
   ) STRICT, WITHOUT ROWID;`,
  `CREATE TABLE chatkit_lease_run (
     run_id TEXT NOT NULL PRIMARY KEY,
     thread_id TEXT NOT NULL,
     epoch INTEGER NOT NULL,
     resumable INTEGER NOT NULL,
     user_id TEXT,
     outcome TEXT,
     stop TEXT,
     owner TEXT NOT NULL,
     held_since INTEGER NOT NULL,
     held_until INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE UNIQUE INDEX chatkit_lease_active ON chatkit_lease_run (thread_id) WHERE outcome IS NULL;
   CREATE INDEX chatkit_lease_ended ON chatkit_lease_run (held_until) WHERE outcome IS NOT NULL;
   CREATE TABLE chatkit_lease_place (
     run_id TEXT NOT NULL PRIMARY KEY,
     thread_id TEXT NOT NULL,
     place INTEGER NOT NULL,
     machine TEXT NOT NULL,
     resumable INTEGER NOT NULL,
     user_id TEXT,
     stop TEXT
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX chatkit_lease_line ON chatkit_lease_place (thread_id, place);
   CREATE TABLE chatkit_lease_machine (
     thread_id TEXT NOT NULL,
     machine TEXT NOT NULL,
     owner TEXT NOT NULL,
     held_since INTEGER NOT NULL,
     held_until INTEGER NOT NULL,
     PRIMARY KEY (thread_id, machine)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE chatkit_lease_signal (
     seq INTEGER NOT NULL PRIMARY KEY,
     sender TEXT NOT NULL,
     id TEXT NOT NULL,
     cause TEXT,
     sent_at INTEGER NOT NULL
   ) STRICT;`,
  `CREATE TABLE chatkit_log_run (
     number INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     epoch INTEGER NOT NULL,
     seq INTEGER NOT NULL,
     writer TEXT NOT NULL,
     outcome TEXT NOT NULL,
     dropped_epoch INTEGER NOT NULL,
     dropped_seq INTEGER NOT NULL,
     bytes INTEGER NOT NULL,
     expires_ms INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX chatkit_log_run_expiry ON chatkit_log_run (expires_ms);
   CREATE TABLE chatkit_log_batch (
     run INTEGER NOT NULL REFERENCES chatkit_log_run (number) ON DELETE CASCADE,
     epoch INTEGER NOT NULL,
     seq INTEGER NOT NULL,
     bytes INTEGER NOT NULL,
     body TEXT NOT NULL,
     PRIMARY KEY (run, epoch, seq)
   ) STRICT, WITHOUT ROWID;`,
];

/** The part of a database that the steps need. */
export interface SqliteConnection {
  /** Runs statements that return no rows. */
  exec(text: string): unknown;
  /** Runs one statement. */
  all(text: string): readonly SqlRow[];
}

/** Whether all migrations have run. Only reads. */
export const areTablesMade = (all: SqliteConnection['all']): boolean =>
  all("SELECT 1 FROM sqlite_schema WHERE name = 'chatkit_migration'").length > 0 && stepsDone(all) >= steps.length;

/** Creates or migrates the tables, in the open transaction. */
export const makeTables = ({ exec, all }: SqliteConnection): void => {
  exec('CREATE TABLE IF NOT EXISTS chatkit_migration (step INTEGER PRIMARY KEY) STRICT');
  const done = stepsDone(all);
  for (const [index, text] of steps.entries()) {
    if (index < done) continue;
    exec(text);
    exec(`INSERT INTO chatkit_migration (step) VALUES (${index + 1})`);
  }
};

const stepsDone = (all: SqliteConnection['all']): number =>
  Number(all('SELECT coalesce(max(step), 0) AS step FROM chatkit_migration')[0]?.['step']);
