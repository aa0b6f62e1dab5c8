/**
 * Leases (which server may run a thread) in the memory of one process: for tests that simulate several machines, and
 * for several servers in one process.
 */
import type { RunClaim, RunLease, RunRecord } from '@chatkit/core';
import { createSignalHub } from '../shared/lease-signals.ts';
import { createThreadLine, type ThreadLine } from './thread-line.ts';

export interface MemoryLeaseOptions {
  /** How long a lease lasts without a renewal. Default 15 s. */
  ttlMs?: number | undefined;
  /** The clock, in milliseconds since any fixed point. Default: the process's monotonic clock. */
  clock?: { now(): number } | undefined;
  /** How many records of ended runs are kept. Default 1,000. */
  maxEndedRuns?: number | undefined;
}

interface Held {
  record: RunRecord;
  until: number;
  stop: string | undefined;
}

/** A run that waits in the line of its thread. */
interface Waiting {
  readonly record: RunRecord;
  stop: string | undefined;
}

const recordOf = ({ runId, threadId, resumable, userId }: RunClaim, epoch: number): RunRecord => ({
  runId,
  threadId,
  resumable,
  epoch,
  ...(userId === undefined ? {} : { userId }),
});

/**
 * Leases in memory, shared by all servers that are given the same object. `close()` removes all listeners and leaves
 * the leases as they are.
 *
 * @example
 * const clock = createVirtualClock();
 * const lease = createMemoryLease({ ttlMs: 1_000, clock });
 */
export const createMemoryLease = (options: MemoryLeaseOptions = {}): RunLease => {
  const ttlMs = options.ttlMs ?? 15_000;
  const clock = options.clock ?? performance;
  const maxEndedRuns = options.maxEndedRuns ?? 1000;
  const byThread = new Map<string, Held>();
  const byRun = new Map<string, Held>();
  /** Records of ended runs, oldest first. */
  const ended = new Map<string, RunRecord>();
  /** The lines of threads that somebody waits for. */
  const lines = new Map<string, ThreadLine>();
  const waiting = new Map<string, Waiting>();
  const { hear, onStop, onFree, close } = createSignalHub();

  const ownedBy = ({ runId, epoch }: RunRecord): Held | undefined => {
    const held = byRun.get(runId);
    return held?.record.epoch === epoch ? held : undefined;
  };

  /** The machine whose turn it is in a thread. Deletes the line when it is empty. */
  const turnIn = (threadId: string): string | undefined => {
    const first = lines.get(threadId)?.first(clock.now());
    if (first === undefined) lines.delete(threadId);
    return first;
  };

  const takePlace = (claim: RunClaim, machine: string): void => {
    const { runId, threadId } = claim;
    const line = lines.get(threadId) ?? createThreadLine((gone) => void waiting.delete(gone));
    lines.set(threadId, line);
    const now = clock.now();
    line.add({ machine, runId }, now, now + ttlMs);
    if (!waiting.has(runId)) waiting.set(runId, { record: recordOf(claim, 0), stop: undefined });
  };

  const waitingRun = (runId: string): Waiting | undefined => {
    const run = waiting.get(runId);
    return run !== undefined && lines.get(run.record.threadId)?.has(runId, clock.now()) ? run : undefined;
  };

  const keepEnded = (record: RunRecord): void => {
    ended.set(record.runId, record);
    for (const oldest of ended.keys()) {
      if (ended.size <= maxEndedRuns) break;
      ended.delete(oldest);
    }
  };

  const tellIfFree = (threadId: string): void => {
    if (byThread.has(threadId) || turnIn(threadId) === undefined) return;
    hear({ threadId });
  };

  return {
    ttlMs,
    async acquire(claim, waiter) {
      const { runId, threadId } = claim;
      const known = byRun.get(runId)?.record ?? ended.get(runId);
      if (known !== undefined) return { heldBy: known };
      const heldBy = byThread.get(threadId)?.record;
      const turn = turnIn(threadId);
      if (heldBy !== undefined || (turn !== undefined && turn !== waiter)) {
        if (waiter !== undefined) takePlace(claim, waiter);
        return { heldBy };
      }
      const stop = waiting.get(runId)?.stop;
      if (turn !== undefined) lines.get(threadId)?.letIn({ machine: turn, runId });
      const held: Held = { record: recordOf(claim, 1), until: clock.now() + ttlMs, stop };
      byThread.set(threadId, held);
      byRun.set(runId, held);
      return { granted: held.record, ...(turnIn(threadId) === undefined ? {} : { overtaken: true }) };
    },
    async queue(claim, waiter) {
      takePlace(claim, waiter);
    },
    async leave({ runId, threadId }, waiter, outcome) {
      const run = waiting.get(runId);
      const hasLeft = lines.get(threadId)?.remove({ machine: waiter, runId });
      const isKnown = byRun.has(runId) || ended.has(runId);
      if (hasLeft && run !== undefined && outcome !== undefined && !isKnown) keepEnded({ ...run.record, outcome });
      tellIfFree(threadId);
    },
    async renew(run, waiter) {
      if (waiter !== undefined) lines.get(run.threadId)?.keep(waiter, clock.now() + ttlMs);
      const held = ownedBy(run);
      if (held === undefined || held.until <= clock.now()) return { held: false };
      held.until = clock.now() + ttlMs;
      return { held: true, ...(held.stop === undefined ? {} : { stop: held.stop }) };
    },
    async release(run, outcome) {
      const held = ownedBy(run);
      if (held === undefined) return;
      byThread.delete(held.record.threadId);
      byRun.delete(run.runId);
      tellIfFree(held.record.threadId);
      if (outcome === undefined) return;
      keepEnded({ ...held.record, outcome });
    },
    find: async (runId) => byRun.get(runId)?.record ?? ended.get(runId) ?? waitingRun(runId)?.record,
    activeIn: async (threadId) => byThread.get(threadId)?.record,
    async requestStop(runId, cause) {
      const run = byRun.get(runId) ?? waitingRun(runId);
      if (run === undefined || ended.has(runId)) return;
      run.stop ??= cause;
      hear({ runId, cause });
    },
    onStop,
    onFree,
    async reap() {
      const now = clock.now();
      const reaped: RunRecord[] = [];
      for (const held of byRun.values()) {
        if (held.until > now) continue;
        held.record = { ...held.record, epoch: held.record.epoch + 1 };
        held.until = now + ttlMs;
        reaped.push(held.record);
      }
      return reaped;
    },
    async close() {
      close();
    },
  };
};
