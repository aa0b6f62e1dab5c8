/** Leases that break one MUST each. The kit has to notice every one of them. */
import type { RunClaim, RunLease, RunRecord } from '@chatkit/core';
import { createMemoryLease } from '@chatkit/store/memory';
import { createVirtualClock } from '@chatkit/testing';
import type { Machines } from '@chatkit/testing/conformance';

/** What all of them go by, so that nobody waits for a lease to run out. */
const clock = createVirtualClock();
export const passTime = (ms: number): Promise<void> => clock.advance(ms);

type MakeMachines = (ttlMs: number) => Machines;

export const soundLease: MakeMachines = (ttlMs) => {
  const lease = createMemoryLease({ ttlMs, clock });
  return [lease, lease];
};
const mutant = (change: (lease: RunLease) => Partial<RunLease>): MakeMachines => {
  return (ttlMs) => {
    const lease = createMemoryLease({ ttlMs, clock });
    const changed = { ...lease, ...change(lease) };
    return [changed, changed];
  };
};

export const leaseMutants: Record<string, { make: MakeMachines; fails: string }> = {
  'keeps every machine to itself': {
    make: (ttlMs) => [createMemoryLease({ ttlMs, clock }), createMemoryLease({ ttlMs, clock })],
    fails: 'grants one of many that ask at the same time',
  },
  'looks first and takes later': {
    make: mutant((lease) => {
      const taken = new Map<string, RunRecord>();
      return {
        async acquire(claim: RunClaim) {
          const heldBy = taken.get(claim.threadId);
          await new Promise((done) => setTimeout(done, 1));
          if (heldBy !== undefined) return { heldBy };
          const granted = { ...claim, epoch: 1 };
          taken.set(claim.threadId, granted);
          await lease.acquire(claim);
          return { granted };
        },
      };
    }),
    fails: 'grants one of many that ask at the same time',
  },
  'grants a run that has ended once more': {
    make: mutant((lease) => ({
      async acquire(claim) {
        const answer = await lease.acquire(claim);
        if ('granted' in answer || answer.heldBy?.outcome === undefined) return answer;
        return { granted: { ...claim, epoch: 1 } };
      },
    })),
    fails: 'grants a run once: who claims it again is told of it, in progress and after its end',
  },
  'forgets whose run it was': {
    make: mutant((lease) => ({
      reap: async () => (await lease.reap()).map(({ userId: _, ...run }) => run),
    })),
    fails: 'gives a run away once, under the next epoch, when its owner has not renewed',
  },
  'keeps the record of a run that never began': {
    make: mutant((lease) => ({ release: (run, outcome) => lease.release(run, outcome ?? 'failed') })),
    fails: 'forgets a run that never began',
  },
  'forgets a run with its end': {
    make: mutant((lease) => ({
      find: async (runId) => {
        const record = await lease.find(runId);
        return record?.outcome === undefined ? record : undefined;
      },
    })),
    fails: 'frees the thread with the release and keeps the record with its outcome',
  },
  'renews what it no longer has': {
    make: mutant(() => ({ renew: async () => ({ held: true }) })),
    fails: 'answers a lease that has run out as lost, reaped or not',
  },
  'lets an earlier epoch release': {
    make: mutant((lease) => ({
      release: async (run, outcome) => lease.release((await lease.find(run.runId)) ?? run, outcome),
    })),
    fails: 'answers a lease that has run out as lost, reaped or not',
  },
  'gives a dead run to everybody': {
    make: mutant((lease) => {
      let last: readonly RunRecord[] = [];
      return {
        async reap() {
          const reaped = await lease.reap();
          if (reaped.length > 0) last = reaped;
          return last;
        },
      };
    }),
    fails: 'gives a run away once, under the next epoch, when its owner has not renewed',
  },
  'reaps under the same epoch': {
    make: mutant((lease) => ({ reap: async () => (await lease.reap()).map((run) => ({ ...run, epoch: 1 })) })),
    fails: 'gives a run away once, under the next epoch, when its owner has not renewed',
  },
  'frees the thread of a run that it reaps': {
    make: mutant((lease) => ({
      async reap() {
        const reaped = await lease.reap();
        for (const run of reaped) await lease.release(run, 'interrupted');
        return reaped;
      },
    })),
    fails: 'keeps the thread taken until the one who reaped it lets go',
  },
  'stops by message alone': {
    make: mutant((lease) => ({ renew: async (run) => ({ held: (await lease.renew(run)).held }) })),
    fails: 'are in the next renewal, the first cause',
  },
  'stops by renewal alone': {
    make: mutant(() => ({ onStop: () => () => {} })),
    fails: 'reach the owner from any machine',
  },
  'has no line': {
    make: mutant((lease) => ({ acquire: (claim) => lease.acquire(claim), queue: async () => {} })),
    fails: 'lets in by place, whichever machine asks first',
  },
  'gives a place to one that does not wait': {
    make: mutant((lease) => ({ acquire: (claim, waiter) => lease.acquire(claim, waiter ?? `lone-${claim.runId}`) })),
    fails: 'is not overtaken by one that does not stand in it',
  },
  'takes each run for a machine of its own': {
    make: mutant((lease) => ({
      acquire: (claim, waiter) => lease.acquire(claim, waiter && `${waiter}-${claim.runId}`),
      queue: (claim, waiter) => lease.queue(claim, `${waiter}-${claim.runId}`),
      leave: (claim, waiter) => lease.leave(claim, `${waiter}-${claim.runId}`),
    })),
    fails: 'gives a turn of a machine to the run that it sends',
  },
  'keeps the place of one that has left': {
    make: mutant(() => ({ leave: async () => {} })),
    fails: 'goes on behind one that leaves',
  },
  'does not tell who is overtaken': {
    make: mutant((lease) => ({
      async acquire(claim, waiter) {
        const answer = await lease.acquire(claim, waiter);
        return 'granted' in answer ? { granted: answer.granted } : answer;
      },
    })),
    fails: 'tells one that comes in whether others stand behind it',
  },
  'tells those who no longer listen that a thread is free': {
    make: mutant((lease) => ({
      onFree(listener) {
        lease.onFree(listener);
        return () => {};
      },
    })),
    fails: 'hears of the thread when it is free',
  },
  'tells nobody that a thread is free': {
    make: mutant(() => ({ onFree: () => () => {} })),
    fails: 'hears of the thread when it is free',
  },
  'forgets the line of a thread that is held': {
    make: mutant((lease) => ({ renew: (run) => lease.renew(run) })),
    fails: 'drops the places of a machine that is not heard of any more',
  },
  'knows who waits on the machine that asks alone': {
    make: mutant((lease) => ({
      async find(runId) {
        const record = await lease.find(runId);
        return record?.epoch === 0 && record.outcome === undefined ? undefined : record;
      },
    })),
    fails: 'is found by every machine, in epoch 0, until it is granted',
  },
  'finds those who only asked': {
    make: mutant((lease) => ({ acquire: (claim, waiter) => lease.acquire(claim, waiter ?? `asks-${claim.runId}`) })),
    fails: 'is not found when it only asked, nor when it has left',
  },
  'finds the runs of machines that are gone': {
    make: mutant((lease) => {
      const placed = new Map<string, RunClaim>();
      return {
        async queue(claim, waiter) {
          placed.set(claim.runId, claim);
          await lease.queue(claim, waiter);
        },
        async find(runId) {
          const claim = placed.get(runId);
          return (await lease.find(runId)) ?? (claim && { ...claim, epoch: 0 });
        },
      };
    }),
    fails: 'is not found when its machine is not heard of any more',
  },
  'begins what was stopped as it waited': {
    make: mutant((lease) => ({ leave: (claim, waiter) => lease.leave(claim, waiter) })),
    fails: 'is remembered with its outcome when it ended there, and never granted',
  },
  'takes a run for ended that another machine has': {
    make: mutant((lease) => {
      const left = new Map<string, RunRecord>();
      return {
        async leave(claim, waiter, outcome) {
          if (outcome !== undefined) left.set(claim.runId, { ...claim, epoch: 0, outcome });
          await lease.leave(claim, waiter, outcome);
        },
        find: async (runId) => left.get(runId) ?? lease.find(runId),
      };
    }),
    fails: 'keeps the record of one that has begun elsewhere, whoever leaves',
  },
  'stops no run that waits': {
    make: mutant((lease) => ({
      async requestStop(runId, cause) {
        if ((await lease.find(runId))?.epoch !== 0) await lease.requestStop(runId, cause);
      },
    })),
    fails: 'is stopped from any machine: its own hears of it, and its first renewal says so',
  },
};
