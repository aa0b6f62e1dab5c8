/**
 * The lease of a server that runs alone: every claim is granted, nothing expires, and no other machine has runs. One
 * run at a time per thread is already ensured by the lanes of this process (`thread-lanes.ts`).
 */
import type { RunLease } from '@chatkit/core';

export const createLocalLease = (): RunLease => ({
  ttlMs: Number.POSITIVE_INFINITY,
  acquire: async (claim) => ({ granted: { ...claim, epoch: 1 } }),
  async queue() {},
  async leave() {},
  renew: async () => ({ held: true }),
  async release() {},
  find: async () => undefined,
  activeIn: async () => undefined,
  async requestStop() {},
  onStop: () => () => {},
  onFree: () => () => {},
  reap: async () => [],
  async close() {},
});
