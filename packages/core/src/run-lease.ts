/**
 * The contract of leases: which machine may run a thread. A single process needs none. With several, a lease says which
 * machine owns a thread, until when, and under which epoch (a fencing number), so that a machine that was believed dead
 * cannot go on writing when it wakes up.
 */
import type { RunOutcome } from './stream-log.ts';

/** A run, as recorded for all machines. */
export interface RunRecord {
  readonly runId: string;
  readonly threadId: string;
  /**
   * The number of the run's current owner, counted from 1. Offsets of its log begin with it, which is what fences off
   * an earlier owner. 0: the run has had no owner, because it is waiting in its thread's queue (or ended there, and
   * never had a log).
   */
  readonly epoch: number;
  /** Whether clients may resume it. */
  readonly resumable: boolean;
  /** The user whose run it is, if known: whoever ends the run after its machine has died acts for this user. */
  readonly userId?: string | undefined;
  /** How it ended; absent while it is waiting or in progress. */
  readonly outcome?: RunOutcome | undefined;
}

/** A machine's claim to a thread, for a run. */
export type RunClaim = Pick<RunRecord, 'runId' | 'threadId' | 'resumable' | 'userId'>;

/** The answer to a claim. */
export type RunAnswer =
  /** The claimant owns the thread. `overtaken`: others are waiting in the queue. */
  | { readonly granted: RunRecord; readonly overtaken?: boolean | undefined }
  /**
   * The run that owns the thread, or the run's own record if it was granted before; `undefined`: it is another waiter's
   * turn.
   */
  | { readonly heldBy: RunRecord | undefined };

/**
 * Leases of threads to runs, one run per thread at a time, and a queue per thread of the runs that wait for it, across
 * all machines.
 *
 * An implementation
 * - MUST grant a thread to one run at a time, under any interleaving, and use only the store's clock;
 * - MUST grant a run only once: a claim for a run that already has a record, in progress or ended, is answered with
 *   that record;
 * - MUST let a lease expire `ttlMs` after its last renewal (or earlier, if it knows that the owner is dead), and only
 *   then hand the run to a caller of `reap()`, once, under the next epoch; the thread stays taken until that caller
 *   releases the run;
 * - MUST grant the thread to the machines in the order in which their waiting runs took their places. Among the waiting
 *   runs of one machine the order is up to that machine, which has a queue of its own: at the turn of any of its runs
 *   it may claim the thread for another one of them. A run sent to two machines has one place;
 * - MUST drop the places of a machine that has neither asked nor renewed for `ttlMs` (or is known to be dead), so that
 *   it blocks nobody;
 * - MUST treat `renew` and `release` from an earlier epoch as lost, and change nothing;
 * - MUST keep the record of an ended run for a while (minutes), so that `find` can distinguish it from one that never
 *   existed;
 * - MUST let `find` return a waiting run, with epoch 0, for as long as it has a place, and never a run that only made a
 *   claim;
 * - MUST deliver a stop to the owner by `onStop` promptly (milliseconds), and by `renew` if that message was lost. For
 *   a waiting run, deliver it by `onStop` to the machine on which it waits, and by `renew` once it is granted;
 * - MUST announce by `onFree`, promptly, that a thread with waiting runs has become free. That message may be lost, so
 *   waiters also ask again.
 */
export interface RunLease {
  /** How long a lease lasts without renewal. Owners renew three times as often. */
  readonly ttlMs: number;
  /**
   * How often a server looks for runs whose owner is gone. Default: twice per `ttlMs`. Set it in a lease that can learn
   * of an owner's death before its leases expire. `Infinity`: no other server can leave such runs, so it looks only at
   * its start and after runs of its own.
   */
  readonly reapMs?: number | undefined;
  /**
   * Claims a thread for a run, in epoch 1. If `waiter`, the name of the machine, is given, a run that is not granted
   * takes a place in the thread's queue, or keeps the one it has; without it nothing is recorded.
   */
  acquire(claim: RunClaim, waiter?: string): Promise<RunAnswer>;
  /** Takes or keeps a place in the queue, without a claim, for a run that waits behind others of its own machine. */
  queue(claim: RunClaim, waiter: string): Promise<void>;
  /**
   * Gives up a place; does nothing without one. With an outcome, the run was accepted and has ended while waiting: its
   * record is kept like that of any ended run.
   */
  leave(claim: RunClaim, waiter: string, outcome?: RunOutcome): Promise<void>;
  /**
   * Extends a lease, and the places of `waiter` in the thread's queue. `held: false`: the lease is lost, and nothing
   * more may be written. `stop`: a stop was requested, with this cause.
   */
  renew(run: RunRecord, waiter?: string): Promise<{ held: boolean; stop?: string | undefined }>;
  /**
   * Ends the run and frees its thread. Without an outcome the run never began: its record is deleted, and it may be
   * claimed again.
   */
  release(run: RunRecord, outcome?: RunOutcome): Promise<void>;
  /** The record of a run that is waiting, in progress or recently ended. */
  find(runId: string): Promise<RunRecord | undefined>;
  /** The run in progress in a thread. */
  activeIn(threadId: string): Promise<RunRecord | undefined>;
  /**
   * Requests a stop from the run's owner, or from the machine on which the run waits. Does nothing for a run that is
   * unknown or has ended.
   */
  requestStop(runId: string, cause: string): Promise<void>;
  /** Subscribes to requested stops. Returns the function that unsubscribes. */
  onStop(listener: (runId: string, cause: string) => void): () => void;
  /** Subscribes to threads that have become free and are being waited for. Returns the function that unsubscribes. */
  onFree(listener: (threadId: string) => void): () => void;
  /**
   * Takes over some of the runs whose owner has not renewed in time or is known to be dead. Called repeatedly until it
   * returns none.
   */
  reap(): Promise<readonly RunRecord[]>;
  /** Closes connections and timers. Leases still held expire by themselves. */
  close(): Promise<void>;
}
