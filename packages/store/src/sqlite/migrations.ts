/**
 * The tables, as steps that run once each, in order. A step that has been released is never changed.
 *
 * `seq` is a column beside the row's number, and not the number itself, because SQLite searches an index by
 * `(created_us, seq) < (?, ?)` only when both are ordinary columns; otherwise it walks all rows of an equal time.
 */
import type { DatabaseSync } from 'node:sqlite';

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
];

/** Brings the file up to the newest step. Processes that start together wait for each other. */
export const migrateSqlite = (database: DatabaseSync): void => {
  database.exec('BEGIN IMMEDIATE');
  try {
    database.exec('CREATE TABLE IF NOT EXISTS chatkit_migration (step INTEGER PRIMARY KEY) STRICT');
    const row = database.prepare('SELECT coalesce(max(step), 0) AS step FROM chatkit_migration').get();
    const done = Number(row?.['step']);
    for (const [index, sql] of steps.entries()) {
      if (index < done) continue;
      database.exec(sql);
      database.prepare('INSERT INTO chatkit_migration (step) VALUES (?)').run(index + 1);
    }
    database.exec('COMMIT');
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
};
