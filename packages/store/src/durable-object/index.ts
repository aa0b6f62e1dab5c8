// A store, a log and leases in the SQLite storage of a Durable Object, for Cloudflare Workers.

export type { SqlLog, SqlLogOptions } from '../shared/sql-log.ts';
export { createDurableObjectLease, type DurableObjectLeaseOptions } from './durable-object-lease.ts';
export { createDurableObjectLog, type DurableObjectLog, type DurableObjectLogOptions } from './durable-object-log.ts';
export {
  createDurableObjectStore,
  type DurableObjectStoreOptions,
} from './durable-object-store.ts';
export type { DurableObjectSql, DurableObjectStorageLike, DurableObjectValue } from './object-storage.ts';
