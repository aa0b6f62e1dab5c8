/**
 * Renews the lease of a run while the run is in progress. Ownership is judged by the clock and not by the last message:
 * when no renewal has succeeded for the length of the lease, counted from before it was requested, the run is lost,
 * whether the lease store refused, hung or was out of reach. `isHeld` asks the clock as well, because in a process that
 * was suspended beyond its lease the timers have yet to fire.
 */
import type { RunLease, RunRecord } from '@chatkit/core';
import type { Clock } from './clock.ts';

export interface LeaseKeeper {
  /** Whether the run may still write. */
  isHeld(): boolean;
  /** Stops renewing. */
  end(): void;
}

export interface LeaseKeeperOptions {
  lease: RunLease;
  record: RunRecord;
  /** When the lease was asked for. */
  since: number;
  /** This machine's name in the thread's line: a renewal keeps its places there as well. */
  waiter?: string | undefined;
  clock: Clock;
  /**
   * Called when a renewal reports that somebody asked for a stop. It usually arrives as a message, which may be lost.
   */
  onStop: (cause: string) => void;
  /** Called at most once: another machine may have the run by now. */
  onLost: () => void;
}

export const keepLease = ({ lease, record, since, waiter, clock, onStop, onLost }: LeaseKeeperOptions): LeaseKeeper => {
  const { ttlMs } = lease;
  if (!Number.isFinite(ttlMs)) return keptForEver;
  let heldUntil = since;
  let state: 'kept' | 'lost' | 'ended' = 'kept';
  let renewal: unknown;
  let expiry: unknown;

  const end = (as: 'lost' | 'ended') => {
    if (state !== 'kept') return;
    state = as;
    clock.clearTimeout(renewal);
    clock.clearTimeout(expiry);
    if (as === 'lost') onLost();
  };

  const expect = (until: number) => {
    heldUntil = until;
    clock.clearTimeout(expiry);
    expiry = clock.setTimeout(() => end('lost'), Math.max(0, until - clock.now()));
  };

  const renew = async () => {
    const asked = clock.now();
    try {
      const { held, stop } = await lease.renew(record, waiter);
      if (state !== 'kept') return;
      if (!held) return end('lost');
      expect(asked + ttlMs);
      if (stop !== undefined) onStop(stop);
    } catch {
      // Out of reach: the next renewal may succeed, and the expiry is set.
    }
    if (state === 'kept') schedule();
  };

  const schedule = () => {
    renewal = clock.setTimeout(() => void renew(), ttlMs / 3);
  };

  expect(since + ttlMs);
  schedule();
  return {
    isHeld() {
      if (state === 'kept' && clock.now() >= heldUntil) end('lost');
      return state === 'kept';
    },
    end: () => end('ended'),
  };
};

/** Of a server that is alone: the same for all of its runs. */
const keptForEver: LeaseKeeper = { isHeld: () => true, end() {} };
