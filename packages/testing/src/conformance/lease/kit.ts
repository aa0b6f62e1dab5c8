/** Helpers that the parts of the lease kit share. */
import { createId, type RunClaim, type RunLease, type RunRecord } from '@chatkit/core';

/** Two machines over one backend. */
export type Machines = readonly [RunLease, RunLease];

export interface LeaseKit {
  /** Machines whose leases do not run out during a test. */
  patient(): Machines;
  /** Machines whose leases run out quickly. */
  hasty(): Machines;
  passTime(ms: number): Promise<void>;
  /** How many random histories are compared with the model. */
  runs: number;
}

/** A claim for a new run, on a new thread unless one is given. */
export const freshClaim = (threadId: string = createId('thread')): RunClaim => ({
  runId: createId('run'),
  threadId,
  resumable: true,
});

/** Acquires a thread that must be free. */
export const granted = async (lease: RunLease, claim: RunClaim): Promise<RunRecord> => {
  const answer = await lease.acquire(claim);
  if ('granted' in answer) return answer.granted;
  throw new Error(`The thread is held by ${answer.heldBy?.runId ?? 'nobody, but others wait for it'}.`);
};

/** Reaps, and returns those of these runs that were reaped. Other tests may have left runs of their own. */
export const reapedOf = async (lease: RunLease, ...runIds: string[]): Promise<RunRecord[]> =>
  (await lease.reap()).filter(({ runId }) => runIds.includes(runId));

/** Lets five thirds of a lease pass, so that leases that are not renewed expire, and calls `act` after each third. */
export const outlast = async (
  { ttlMs }: RunLease,
  { passTime }: LeaseKit,
  act: () => Promise<unknown>,
): Promise<void> => {
  for (let third = 0; third < 5; third += 1) {
    await passTime(Math.ceil(ttlMs / 3));
    await act();
  }
};

/** Waits until `check` holds; the test's timeout is the limit. */
export const eventually = async (check: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await check())) await new Promise((done) => setTimeout(done, 2));
};
