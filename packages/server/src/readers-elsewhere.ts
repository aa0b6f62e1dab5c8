/**
 * Counts the readers that a run has on other machines. A run that stops with its last reader must know of them, but its
 * machine counts only its own. So each remote reader takes a place in a line of the lease that is named after the run.
 * Before the run's machine stops the run it acquires that line, which succeeds only when nobody stands in it. The lease
 * needs no new method for this. The price is one call per reader in each third of a lease, and one call every quarter
 * of a second for a run that only other machines read.
 */
import { createId, type RunClaim, type RunLease } from '@chatkit/core';
import { type Clock, settlesWithin } from './clock.ts';
import { FIRST_ASK_MS, SLOWEST_ASK_MS } from './remote-run.ts';

export interface ReadersElsewhere {
  /**
   * Counts a reader on this machine of a run on another one, until `signal` aborts. Resolves with whether the run is in
   * progress; if it is about to be stopped, its end is awaited first. Rejects when the lease is unreachable.
   */
  join(runId: string, signal: AbortSignal): Promise<boolean>;
  /**
   * Calls `stop` as soon as no other machine reads a run of this machine, and keeps new readers away until it has been
   * stopped. Gives up once `isOver` says that the run has ended or is read here again. Rejects when the lease is
   * unreachable.
   */
  stopUnread(runId: string, isOver: () => boolean, stop: () => Promise<void>): Promise<void>;
}

const claimFor = (runId: string): RunClaim => ({
  runId: createId('run'),
  threadId: `readers-of-${runId}`,
  resumable: false,
});

export const createReadersElsewhere = (lease: RunLease, clock: Clock): ReadersElsewhere => {
  // Not this machine's name in other lines: this machine may come to own the run itself. Made lazily, as in
  // `thread-gate.ts`.
  let name: string | undefined;
  const readers = (): string => {
    name ??= crypto.randomUUID();
    return name;
  };
  const pause = (ms: number) => settlesWithin(new Promise(() => {}), ms, clock);
  const slower = (ms: number): number => Math.min(ms * 2, SLOWEST_ASK_MS);

  /** Renews a place until the signal aborts. If the lease is unreachable, the place expires. */
  const keepPlace = (claim: RunClaim, signal: AbortSignal): void => {
    let kept: Promise<void> | undefined;
    const keep = (): unknown =>
      clock.setTimeout(() => {
        kept = lease.queue(claim, readers()).catch(() => {});
        timer = keep();
      }, lease.ttlMs / 3);
    let timer = keep();
    const leave = async (): Promise<void> => {
      clock.clearTimeout(timer);
      await kept;
      await lease.leave(claim, readers()).catch(() => {});
    };
    signal.addEventListener('abort', () => void leave(), { once: true });
    if (signal.aborted) void leave();
  };

  /**
   * Acquires the line once nobody stands in it, and resolves with a function that releases it. `undefined`: `isOver`.
   */
  const shut = async (runId: string, isOver: () => boolean): Promise<(() => Promise<void>) | undefined> => {
    const claim = claimFor(runId);
    for (let askMs = FIRST_ASK_MS; !isOver(); askMs = slower(askMs)) {
      // Acquired without taking a place: another run with this id, one that could not begin, may be trying as well.
      const answer = await lease.acquire(claim);
      if ('granted' in answer) return () => lease.release(answer.granted);
      await pause(askMs);
    }
    return undefined;
  };

  return {
    async join(runId, signal) {
      const claim = claimFor(runId);
      await lease.queue(claim, readers());
      keepPlace(claim, signal);
      // Checked after taking the place: either the run's machine has seen it, or it holds the line until the run has
      // ended.
      for (let askMs = FIRST_ASK_MS; !signal.aborted; askMs = slower(askMs)) {
        if ((await lease.activeIn(claim.threadId)) === undefined) break;
        await pause(askMs);
      }
      const record = await lease.find(runId);
      return record !== undefined && record.outcome === undefined;
    },

    async stopUnread(runId, isOver, stop) {
      const open = await shut(runId, isOver);
      try {
        // The line is held meanwhile, so that a reader who joins learns of the end and does not read half an answer.
        if (!isOver()) await stop();
      } finally {
        await open?.();
      }
    },
  };
};
