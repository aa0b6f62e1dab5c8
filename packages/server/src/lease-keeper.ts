/**
 * Keeps a lease while its run is going on. Ownership is what the clock says, not what the last message said: when no
 * renewal has succeeded for the lease's length, counted from before it was asked for, the run is lost, whether the
 * lease store refused, hung or was out of reach. `isHeld` asks the clock too, because a process that was suspended
 * beyond its lease wakes with its timers still to fire.
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
  /** This machine's name in the line of the thread: its places are kept along with the lease. */
  waiter?: string | undefined;
  clock: Clock;
  /** Somebody asked for a stop, and the message that should have told so was lost. */
  onStop: (cause: string) => void;
  /** Called at most once: another machine may have the run by now. */
  onLost: () => void;
}

export const keepLease = ({ lease, record, waiter, clock, onStop, onLost }: LeaseKeeperOptions): LeaseKeeper => {
  const { ttlMs } = lease;
  if (!Number.isFinite(ttlMs)) return { isHeld: () => true, end() {} };
  let heldUntil = clock.now() + ttlMs;
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

  expect(heldUntil);
  schedule();
  return {
    isHeld() {
      if (state === 'kept' && clock.now() >= heldUntil) end('lost');
      return state === 'kept';
    },
    end: () => end('ended'),
  };
};
