/** The law of leases in a database: whatever two machines do, and whenever, they are answered as by the lease in memory. */
import { createId, type RunClaim, type RunLease, type RunOutcome, type RunRecord } from '@chatkit/core';
import { createMemoryLease } from '@chatkit/store/memory';
import type { VirtualClock } from '@chatkit/testing';
import * as fc from 'fast-check';
import { expect } from 'vitest';

/** The length of the leases that are compared. */
export const lawTtlMs = 100;

const names = ['machine-a', 'machine-b'] as const;

/** Few runs on two threads, so that everything meets; and both machines are sent the same ones. */
const aStep = fc.record({
  what: fc.constantFrom(
    ...([
      'acquire',
      'acquire',
      'queue',
      'queue',
      'leave',
      'renew',
      'renew',
      'release',
      'free',
      'free',
      'stop',
      'reap',
      'time',
    ] as const),
  ),
  machine: fc.constantFrom(0, 1),
  run: fc.nat({ max: 4 }),
  waits: fc.boolean(),
  // Seldom, because a run that has ended does nothing more.
  outcome: fc.constantFrom<RunOutcome | undefined>(...Array(9).fill(undefined), 'completed'),
  epoch: fc.constantFrom(0, 1, 1, 1, 2),
  ms: fc.constantFrom(1, 1, 1, 30, 60, 99, 100, 101),
  cause: fc.constantFrom('cancel', 'superseded'),
});
type Step = typeof aStep extends fc.Arbitrary<infer Made> ? Made : never;

const calm = { machine: 0, run: 0, waits: true, outcome: undefined, epoch: 1, ms: 1, cause: 'cancel' } as const;

/** Shows who stands in the line, in which order: whoever comes in goes at once. */
const emptyLine: readonly Step[] = [0, 1, 2, 3].flatMap((): Step[] => [
  { ...calm, what: 'free' },
  ...([0, 1] as const).flatMap((machine) =>
    [0, 1, 2, 3].map((run): Step => ({ ...calm, what: 'acquire', machine, run })),
  ),
]);

const does = (what: Step['what'], run = 0, more: Partial<Step> = {}): Step => ({ ...calm, what, run, ...more });
/** Run 1 waits behind run 0 and is stopped. */
const stopped = [does('acquire'), does('acquire', 1), does('stop', 1)];
/** What random histories seldom have. */
const histories: readonly Step[][] = [
  // It is still stopped after it has asked again.
  [...stopped, does('acquire', 1), does('free'), does('acquire', 1), does('renew', 1)],
  // It is not when it comes again after it has left, or was given back.
  [...stopped, does('leave', 1), does('free'), does('acquire', 1), does('renew', 1)],
  [...stopped, does('free'), does('acquire', 1), does('release', 1), does('acquire', 1), does('renew', 1)],
  // A run that has ended, and waits, has ended: it cannot be stopped, nor end again.
  [
    ...[does('acquire'), does('release', 0, { outcome: 'completed' }), does('queue'), does('stop')],
    does('leave', 0, { outcome: 'cancelled' }),
  ],
  // A lease that has just run out is not renewed.
  [does('acquire'), does('time', 0, { ms: lawTtlMs }), does('renew')],
];

/** Lets all that is held run out, and ends it: of this history, or of other tests on the same database. */
export const endAll = async (lease: RunLease, clock: VirtualClock): Promise<void> => {
  for (let reaped: readonly RunRecord[] | undefined; reaped?.length !== 0; ) {
    await clock.advance(2 * lawTtlMs);
    reaped = await lease.reap();
    for (const run of reaped) await lease.release(run);
  }
};

/** Compares `machines`, two leases of `lawTtlMs` over one database by `clock`, on random histories. */
export const checkLeaseLaw = (
  machines: readonly [RunLease, RunLease],
  clock: VirtualClock,
  numRuns: number,
): Promise<void> =>
  fc.assert(
    fc.asyncProperty(fc.array(aStep, { maxLength: 60, size: 'max' }), async (steps) => {
      await endAll(machines[0], clock);
      const scope = createId('run');
      const memory = createMemoryLease({ ttlMs: lawTtlMs, clock });
      const inDatabase = createTeller(machines, scope);
      const inMemory = createTeller([memory, memory], scope);
      for (const step of [...steps, ...emptyLine]) {
        expect(await inDatabase(step)).toEqual(await inMemory(step));
        if (step.what === 'time') await clock.advance(step.ms);
      }
    }),
    { numRuns: histories.length + numRuns, examples: histories.map((steps) => [steps]) },
  );

/** Does a step, and tells the answer, what was heard, and what is known of the run and its thread afterwards. */
const createTeller = (pair: readonly [RunLease, RunLease], scope: string) => async (step: Step) => {
  const lease = pair[step.machine as 0 | 1];
  const machine = names[step.machine] as string;
  const runId = `${scope}-${step.run}`;
  const threadId = `${scope}-thread-${step.run === 4 ? 1 : 0}`;
  const claim: RunClaim = { runId, threadId, resumable: step.run !== 3, ...(step.run === 2 ? { userId: 'ada' } : {}) };
  const waiter = step.waits ? machine : undefined;
  const heard: unknown[] = [];
  const ends = [lease.onStop((...stop) => heard.push(stop)), lease.onFree((thread) => heard.push(thread))];
  const act = async (): Promise<unknown> => {
    switch (step.what) {
      case 'acquire':
        return lease.acquire(claim, waiter);
      case 'queue':
        return lease.queue(claim, machine);
      case 'leave':
        return lease.leave(claim, machine, step.outcome);
      case 'renew':
        return lease.renew({ ...claim, epoch: step.epoch }, waiter);
      case 'release':
        return lease.release({ ...claim, epoch: step.epoch }, step.outcome);
      case 'free': {
        const active = await lease.activeIn(threadId);
        return active && lease.release(active, step.outcome);
      }
      case 'stop':
        return lease.requestStop(runId, step.cause);
      case 'reap':
        return [...(await lease.reap())].sort((a, b) => (a.runId < b.runId ? -1 : 1));
      case 'time':
        return undefined;
    }
  };
  const answer = await act();
  for (const end of ends) end();
  return { step, answer, heard, found: await pair[0].find(runId), active: await pair[1].activeIn(threadId) };
};
