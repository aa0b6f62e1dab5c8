/** The tables of a file. */
import type { DatabaseSync } from 'node:sqlite';
import { makeTables } from '../shared/sqlite-tables.ts';

/** Brings the file up to the newest step. Processes that start together wait for each other. */
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
