// A store and a run log in the memory of one process.

export { createMemoryLog, type MemoryLogOptions } from './memory-log.ts';
export { createMemoryStore, type MemoryStoreOptions } from './memory-store.ts';
