// A store, a log and leases in one SQLite file, by `node:sqlite`.

export type { SqlLog, SqlLogOptions } from '../shared/sql-log.ts';
export { createSqliteLease, type SqliteLeaseOptions } from './sqlite-lease.ts';
export { createSqliteLog, type SqliteLog, type SqliteLogOptions } from './sqlite-log.ts';
export { createSqliteStore, type SqliteStore, type SqliteStoreOptions } from './sqlite-store.ts';
