/**
 * Who may run a thread, as a contract. In one process nobody asks; with several, a lease says which machine has a thread,
 * until when, and under which epoch, so that a machine that was believed dead cannot go on writing when it wakes.
 */
import type { RunOutcome } from './stream-log.ts';

/** A run as every machine knows it. */
export interface RunRecord {
  readonly runId: string;
  readonly threadId: string;
  /**
   * Counts the owners of the run, from 1. Offsets of its log begin with it, which is what fences an earlier owner off. 0: it has
   * had none, as it stands in the line of its thread (or has ended there, and never had a log).
   */
  readonly epoch: number;
  /** Whether clients may come back to it. */
  readonly resumable: boolean;
  /** Whose run it is, where that is known: whoever ends it after its machine has died acts for this user. */
  readonly userId?: string | undefined;
  /** How it ended; absent while it is in progress. */
  readonly outcome?: RunOutcome | undefined;
}

/** What a machine asks for. */
export type RunClaim = Pick<RunRecord, 'runId' | 'threadId' | 'resumable' | 'userId'>;

/** What a machine is told that asks for a thread. */
export type RunAnswer =
  /** It has the thread. `overtaken`: others stand in the line behind it. */
  | { readonly granted: RunRecord; readonly overtaken?: boolean | undefined }
  /** Which run has the thread (or, of a run that has been granted before, that one); `undefined`: it is another's turn. */
  | { readonly heldBy: RunRecord | undefined };

/**
 * Leases of runs, one run per thread at a time, and the line of those that wait for a thread on all machines.
 *
 * An implementation
 * - MUST grant a thread to one run at a time, whatever the interleaving, and decide by the store's clock alone;
 * - MUST grant a run once: a claim of a run that has a record, in progress or ended, is answered with that record;
 * - MUST let a lease expire `ttlMs` after its last renewal (or when it knows that the owner is dead), and only then give the run to a
 *   caller of `reap()`, once, under the next epoch; the thread stays taken until that caller releases it;
 * - MUST let those who wait have the thread in the order in which they took their places, of whatever machine they are. Of one
 *   machine they may come in any order: it has a line of its own, and a turn of one of its runs is a turn of the one it sends. A run that is sent to two has one place;
 * - MUST drop the places of a machine that has neither asked nor renewed for `ttlMs` (or is known to be dead), so that it holds up nobody;
 * - MUST answer `renew` and `release` of an earlier epoch as lost, and change nothing;
 * - MUST keep the record of an ended run for a while (minutes), so that `find` can tell it from one that never was;
 * - MUST find a run that waits, in epoch 0, for as long as its place is good, and no run that only asked;
 * - MUST deliver a stop to the owner by `onStop` promptly (milliseconds), and by `renew` if that message was lost; of a run that waits
 *   to the machine that it waits on, by `onStop`, and by `renew` once it is granted;
 * - MUST tell by `onFree`, promptly, that a thread with a line has become free. That message may be lost: who waits asks again.
 */
export interface RunLease {
  /** How long a lease lasts without a renewal. Owners renew at a third of it. */
  readonly ttlMs: number;
  /**
   * How often a server looks for runs whose owner is gone. Default: twice in `ttlMs`. For a lease that knows of an owner's death
   * before its leases have run out. `Infinity`: nobody else leaves any, so it looks when it starts, and after a run of its own.
   */
  readonly reapMs?: number | undefined;
  /**
   * Takes a thread for a run, in epoch 1, or tells why not. With the name of the machine, `waiter`, a run that is not granted
   * takes a place in the thread's line, or keeps the one that it has; without it nothing is left behind.
   */
  acquire(claim: RunClaim, waiter?: string): Promise<RunAnswer>;
  /** Takes a place in the line, or keeps it, for a run that waits for others of its machine and asks later. */
  queue(claim: RunClaim, waiter: string): Promise<void>;
  /**
   * Gives up a place. Does nothing without one. With an outcome the run has been accepted and has ended as it waited:
   * its record is kept as that of any ended run.
   */
  leave(claim: RunClaim, waiter: string, outcome?: RunOutcome): Promise<void>;
  /**
   * Extends a lease, and the places of `waiter` in the line of its thread. `held: false`: it is lost, and nothing more may be
   * written. `stop`: somebody asked for a stop.
   */
  renew(run: RunRecord, waiter?: string): Promise<{ held: boolean; stop?: string | undefined }>;
  /** Ends the run and frees its thread. Without an outcome it never began: its record goes, and it may be claimed again. */
  release(run: RunRecord, outcome?: RunOutcome): Promise<void>;
  /** The record of a run that waits, is in progress or ended a short while ago. */
  find(runId: string): Promise<RunRecord | undefined>;
  /** The run that is in progress in a thread. */
  activeIn(threadId: string): Promise<RunRecord | undefined>;
  /**
   * Asks a run's owner to stop, or the machine that it waits on, wherever that is. Does nothing for a run that is
   * unknown or has ended.
   */
  requestStop(runId: string, cause: string): Promise<void>;
  /** Hears of every stop that is asked for. Returns the function that ends it. */
  onStop(listener: (runId: string, cause: string) => void): () => void;
  /** Hears of threads that others wait for and that have become free. Returns the function that ends it. */
  onFree(listener: (threadId: string) => void): () => void;
  /** Takes over runs whose owner has not renewed in time, or is known to be dead: some of them. It is asked again until there are none. */
  reap(): Promise<readonly RunRecord[]>;
  /** Lets go of connections and timers. Leases that are held expire by themselves. */
  close(): Promise<void>;
}
