// A store, a run log and leases in the memory of one process.

export { createMemoryLease, type MemoryLeaseOptions } from './memory-lease.ts';
export { createMemoryLog, type MemoryLogOptions } from './memory-log.ts';
export { createMemoryStore, type MemoryStoreOptions } from './memory-store.ts';
