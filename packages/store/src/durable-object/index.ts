// A store in the SQLite storage of a Durable Object, for Cloudflare Workers.

export {
  createDurableObjectStore,
  type DurableObjectStoreOptions,
} from './durable-object-store.ts';
export type { DurableObjectSql, DurableObjectStorageLike, DurableObjectValue } from './object-storage.ts';
