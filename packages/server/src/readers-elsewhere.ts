/**
 * Readers of a run on machines that do not run it. A run whose policy is to stop with its last reader must know of
 * them, and its machine counts its own alone. So each of them stands in a line of the lease, in the name of the run,
 * and the run's machine takes that line before it stops the run, which it can when nobody stands there. No contract of
 * a lease's is new for it. A reader costs a call for each third of a lease, and a run that only others read one each
 * quarter of a second.
 */
import { createId, type RunClaim, type RunLease } from '@chatkit/core';
import { type Clock, settlesWithin } from './clock.ts';
import { FIRST_ASK_MS, SLOWEST_ASK_MS } from './remote-run.ts';

export interface ReadersElsewhere {
  /**
   * Counts a reader here of a run elsewhere, until `signal` aborts. Resolves with whether the run goes on; one that is
   * about to be stopped is waited for. Rejects when the lease cannot be asked.
   */
  join(runId: string, signal: AbortSignal): Promise<boolean>;
  /**
   * Calls `stop` as soon as nobody elsewhere reads a run of this machine, and keeps others from it until it has been
   * stopped. Does not when `isOver` says that it has ended, or is read here again. Rejects when the lease cannot be
   * asked.
   */
  stopUnread(runId: string, isOver: () => boolean, stop: () => Promise<void>): Promise<void>;
}

const claimFor = (runId: string): RunClaim => ({
  runId: createId('run'),
  threadId: `readers-of-${runId}`,
  resumable: false,
});

export const createReadersElsewhere = (lease: RunLease, clock: Clock): ReadersElsewhere => {
  // Not the machine's name in other lines: it may come to have the run itself. Not before it is needed, as there.
  let name: string | undefined;
  const readers = (): string => {
    name ??= crypto.randomUUID();
    return name;
  };
  const pause = (ms: number) => settlesWithin(new Promise(() => {}), ms, clock);
  const slower = (ms: number): number => Math.min(ms * 2, SLOWEST_ASK_MS);

  /** Has a place kept until the signal aborts. Where the lease cannot be asked, the place goes by itself. */
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
   * Takes the line once nobody stands in it, and resolves with the function that gives it back. `undefined`: no longer
   * wanted.
   */
  const shut = async (runId: string, isOver: () => boolean): Promise<(() => Promise<void>) | undefined> => {
    const claim = claimFor(runId);
    for (let askMs = FIRST_ASK_MS; !isOver(); askMs = slower(askMs)) {
      // Without a place of its own: another run of this id, which could not begin, may ask as well.
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
      // Asked behind the place: the machine of the run either has seen it, or has the line until the run has ended.
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
        // Whoever asks meanwhile is to learn of its end, and not to read half of it.
        if (!isOver()) await stop();
      } finally {
        await open?.();
      }
    },
  };
};
