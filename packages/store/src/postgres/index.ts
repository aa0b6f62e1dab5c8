// A store and leases in PostgreSQL, through any client with `query` and transactions.

export { migratePostgres } from './migrations.ts';
export type {
  PostgresClient,
  PostgresConnection,
  PostgresPool,
  PostgresQueryable,
  PostgresTransactor,
} from './postgres-client.ts';
export { createPostgresLease, type PostgresLeaseOptions } from './postgres-lease.ts';
export { createPostgresStore, type PostgresStoreOptions } from './postgres-store.ts';
