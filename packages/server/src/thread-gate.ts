/**
 * Acquires a thread across machines. The lease decides which machine may run a thread; this file is how a machine asks
 * for it, waits in the thread's line (after the run's turn in the lane of its own process, `thread-lanes.ts`) and
 * leaves again.
 */
import type { RunClaim, RunLease, RunOutcome, RunRecord } from '@chatkit/core';
import { type Clock, settlesWithin } from './clock.ts';
import { FIRST_ASK_MS, SLOWEST_ASK_MS } from './remote-run.ts';
import type { BusyPolicy } from './settings.ts';
import { threadBusy } from './thread-lanes.ts';

export interface ThreadGate {
  /** This machine's name in the lines of the lease. */
  readonly machine: string;
  /** Takes a place in line for a run that has been accepted and waits in its lane. */
  queue(claim: RunClaim): Promise<void>;
  /**
   * Acquires the thread, now or when the run's turn has come. `elsewhere`: another machine was asked to start the same
   * run, and has it. `undefined`: `isOver` became true. Throws `thread.busy` under `reject`.
   */
  enter(claim: RunClaim, options: EnterOptions): Promise<Entry | 'elsewhere' | undefined>;
  /**
   * Gives up the run's place, if it has one. An `outcome` is recorded for other machines: the run ended while it
   * waited.
   */
  leave(claim: RunClaim, outcome?: RunOutcome): Promise<void>;
  /** Makes the run that waits for this thread check again. */
  wake(threadId: string): void;
  /** Stops listening. */
  close(): void;
}

/** A thread that has been acquired. `overtaken`: other machines wait for it. */
export interface Entry {
  readonly granted: RunRecord;
  readonly overtaken?: boolean | undefined;
  /** When it was asked for: its lease may have run out by the time of the answer. */
  readonly since: number;
}

export interface EnterOptions {
  /** Called each time it is needed, because `check` may change the policy. */
  policy: () => BusyPolicy;
  /**
   * Called before another run is interrupted and before a place is taken, unless the run already has one. Rejects to
   * give up.
   */
  check?: (() => Promise<unknown>) | undefined;
  /** Called once, if the run has to wait, when it has its place. */
  onWaiting?: (() => void) | undefined;
  /** Whether the thread is no longer wanted. Checked after each `wake`. */
  isOver?: (() => boolean) | undefined;
}

export const createThreadGate = (lease: RunLease, clock: Clock): ThreadGate => {
  // Made lazily: servers are often created while a module is loaded, when workerd allows no random values.
  let name: string | undefined;
  const machine = (): string => {
    name ??= crypto.randomUUID();
    return name;
  };
  /** Runs that have a place in line. */
  const placed = new Set<string>();
  /** Calls of `begin` in progress, by thread: the holder of the lane has neither its thread nor a place yet. */
  const beginning = new Map<string, Promise<unknown>>();
  /** Wakes the run that waits, by thread. There is at most one: the others wait in the lane. */
  const sleepers = new Map<string, () => void>();
  const wake = (threadId: string): void => sleepers.get(threadId)?.();
  const stopListening = lease.onFree(wake);
  // A place expires if its machine asks less often than the lease requires.
  const slowestMs = Math.min(SLOWEST_ASK_MS, lease.ttlMs / 3);

  /** Looks at the clock before it asks. */
  const acquire = async (claim: RunClaim, waiter?: string) => ({
    since: clock.now(),
    ...(await lease.acquire(claim, waiter)),
  });

  /** Acquires the thread or takes a place in its line (`undefined`), for a run that has neither. */
  const begin = async (
    claim: RunClaim,
    { policy, check, onWaiting }: EnterOptions,
  ): Promise<Entry | 'elsewhere' | undefined> => {
    const answer = await acquire(claim);
    if ('granted' in answer) return answer;
    if (answer.heldBy?.runId === claim.runId) return 'elsewhere';
    if (policy() === 'reject') throw threadBusy(claim.threadId);
    await check?.();
    await queue(claim);
    onWaiting?.();
    return undefined;
  };

  const waitForTurn = async (
    claim: RunClaim,
    { policy, isOver = () => false }: EnterOptions,
  ): Promise<Entry | 'elsewhere' | undefined> => {
    const { runId, threadId } = claim;
    // Not `retry` of `@chatkit/stream`: a message cuts the pause short, and the next step depends on the answer.
    for (let askMs = FIRST_ASK_MS; !isOver(); ) {
      // Listen before asking, so as not to miss a thread that becomes free while the answer is on its way.
      const woken = new Promise<void>((resolve) => void sleepers.set(threadId, resolve));
      const answer = await acquire(claim, machine());
      if ('granted' in answer) {
        placed.delete(runId);
        return answer;
      }
      const { heldBy } = answer;
      if (heldBy?.runId === runId) return 'elsewhere';
      if (policy() === 'interrupt' && heldBy !== undefined) await lease.requestStop(heldBy.runId, 'superseded');
      if (!(await settlesWithin(woken, askMs, clock))) askMs = Math.min(askMs * 2, slowestMs);
    }
    return undefined;
  };

  const queue = async (claim: RunClaim): Promise<void> => {
    placed.add(claim.runId);
    await lease.queue(claim, machine());
  };

  return {
    get machine() {
      return machine();
    },
    async queue(claim) {
      // The lane's holder came first, so it must get its place first.
      await beginning.get(claim.threadId);
      await queue(claim);
    },
    async enter(claim, options) {
      const { runId, threadId } = claim;
      try {
        if (!placed.has(runId)) {
          const begun = begin(claim, options);
          beginning.set(
            threadId,
            begun.catch(() => {}),
          );
          const entry = await begun.finally(() => beginning.delete(threadId));
          if (entry !== undefined) return entry;
        }
        return await waitForTurn(claim, options);
      } finally {
        sleepers.delete(threadId);
      }
    },
    async leave(claim, outcome) {
      if (placed.delete(claim.runId)) await lease.leave(claim, machine(), outcome);
    },
    wake,
    close: stopListening,
  };
};
