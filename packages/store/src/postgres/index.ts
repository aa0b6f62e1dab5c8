// A store, a log and leases in PostgreSQL, through any client with `query` and transactions.

export type { SqlLog, SqlLogOptions } from '../shared/sql-log.ts';
export { migratePostgres } from './migrations.ts';
export type {
  PostgresClient,
  PostgresConnection,
  PostgresPool,
  PostgresQueryable,
  PostgresTransactor,
} from './postgres-client.ts';
export { createPostgresLease, type PostgresLeaseOptions } from './postgres-lease.ts';
export { createPostgresLog, type PostgresLog, type PostgresLogOptions } from './postgres-log.ts';
export { createPostgresStore, type PostgresStoreOptions } from './postgres-store.ts';
