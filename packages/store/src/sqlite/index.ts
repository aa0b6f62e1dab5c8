// A store in one SQLite file, by `node:sqlite`.

export { createSqliteStore, type SqliteStore, type SqliteStoreOptions } from './sqlite-store.ts';
