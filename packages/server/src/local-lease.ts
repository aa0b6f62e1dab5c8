/**
 * The lease of a server that is alone: everything is granted, nothing expires, nobody else knows a run. The lanes of
 * this process (`thread-lanes.ts`) already let one run at a time into a thread.
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
