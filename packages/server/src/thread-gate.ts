/**
 * A thread as all machines share it. The lease says who may run it; this is how one machine asks for it, waits in its
 * line (which goes on from the lane of this process, `thread-lanes.ts`) and goes away again.
 */
import type { RunClaim, RunLease, RunOutcome, RunRecord } from '@chatkit/core';
import { type Clock, settlesWithin } from './clock.ts';
import { FIRST_ASK_MS, SLOWEST_ASK_MS } from './remote-run.ts';
import type { BusyPolicy } from './settings.ts';
import { threadBusy } from './thread-lanes.ts';

export interface ThreadGate {
  /** What this machine is called in lines. */
  readonly machine: string;
  /** Takes a place for a run that has been accepted and waits in its lane. */
  queue(claim: RunClaim): Promise<void>;
  /**
   * Takes the thread from all machines, now or when the turn has come. `elsewhere`: another machine was asked to start
   * the same run, and has it. `undefined`: it was no longer wanted. Throws `thread.busy` under `reject`.
   */
  enter(claim: RunClaim, options: EnterOptions): Promise<Entry | 'elsewhere' | undefined>;
  /**
   * Gives up the place, if there is one. With an outcome the run ended as it waited, and other machines are to know.
   */
  leave(claim: RunClaim, outcome?: RunOutcome): Promise<void>;
  /** Has whoever waits for this thread look again. */
  wake(threadId: string): void;
  /** Stops listening. */
  close(): void;
}

/** A thread that has been taken. `overtaken`: others wait for it. */
export interface Entry {
  readonly granted: RunRecord;
  readonly overtaken?: boolean | undefined;
}

export interface EnterOptions {
  /** Asked when it matters: the check may change it. */
  policy: () => BusyPolicy;
  /**
   * Made before another one's run is touched and before a place is taken, but for a run that has one. Rejects to give
   * up.
   */
  check?: (() => Promise<unknown>) | undefined;
  /** Called once, when it turns out that it has to wait and has its place. */
  onWaiting?: (() => void) | undefined;
  /** Whether the thread is no longer wanted. Asked after each `wake`. */
  isOver?: (() => boolean) | undefined;
}

export const createThreadGate = (lease: RunLease, clock: Clock): ThreadGate => {
  // Not before it is needed: workerd makes nothing random while a module is loaded, which is when servers are made
  // there.
  let name: string | undefined;
  const machine = (): string => {
    name ??= crypto.randomUUID();
    return name;
  };
  /** Runs that stand in a line. */
  const placed = new Set<string>();
  /** Holders of lanes that have neither their thread nor a place yet, by thread. */
  const beginning = new Map<string, Promise<unknown>>();
  /** Who waits, by thread: the lane lets one at a time wait here. */
  const sleepers = new Map<string, () => void>();
  const wake = (threadId: string): void => sleepers.get(threadId)?.();
  const stopListening = lease.onFree(wake);
  // A machine that asks less often would lose its places.
  const slowestMs = Math.min(SLOWEST_ASK_MS, lease.ttlMs / 3);

  /** Has the thread, or a place in its line (`undefined`), for a run that has neither. */
  const begin = async (
    claim: RunClaim,
    { policy, check, onWaiting }: EnterOptions,
  ): Promise<Entry | 'elsewhere' | undefined> => {
    const answer = await lease.acquire(claim);
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
    // By hand and not by `retry`: a message cuts the pause short, and what is asked next depends on the answer.
    for (let askMs = FIRST_ASK_MS; !isOver(); ) {
      // Listens before it asks: what becomes free while the answer is on its way is not missed.
      const woken = new Promise<void>((resolve) => void sleepers.set(threadId, resolve));
      const answer = await lease.acquire(claim, machine());
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
      // The holder of the lane came first, and has its place first.
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
