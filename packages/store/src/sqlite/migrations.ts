/** Creates or migrates the tables of a SQLite file. */
import type { DatabaseSync } from 'node:sqlite';
import { makeTables } from '../shared/sqlite-tables.ts';

/** Runs the migrations. Processes that start together wait for each other. */
export const migrateSqlite = (database: DatabaseSync): void => {
  database.exec('BEGIN IMMEDIATE');
  try {
    makeTables({ exec: (text) => database.exec(text), all: (text) => database.prepare(text).all() });
    database.exec('COMMIT');
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
};
