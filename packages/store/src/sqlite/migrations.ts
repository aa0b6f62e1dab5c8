/** Creates or migrates the tables of a SQLite file. */
import type { DatabaseSync } from 'node:sqlite';
import { areTablesMade, makeTables, type SqliteConnection } from '../shared/sqlite-tables.ts';

/**
 * Runs the migrations. Processes that start together wait for each other, inside this call. When there is nothing to
 * do, it waits for nobody: the writer may be this very process, in the middle of a transaction.
 */
export const migrateSqlite = (database: DatabaseSync): void => {
  const connection: SqliteConnection = {
    exec: (text) => database.exec(text),
    all: (text) => database.prepare(text).all(),
  };
  if (areTablesMade(connection.all)) return;
  database.exec('BEGIN IMMEDIATE');
  try {
    makeTables(connection);
    database.exec('COMMIT');
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
};
