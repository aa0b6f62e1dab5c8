/** The conformance kit of `RunLease`: every MUST of the contract as a test, seen from two machines. */
import type { RunLease } from '@chatkit/core';
import { afterAll, beforeAll, describe } from 'vitest';
import { describeExpiry } from './lease/expiry.ts';
import { describeInterleavedClaims } from './lease/interleavings.ts';
import type { LeaseKit, Machines } from './lease/kit.ts';
import { describeLine } from './lease/line.ts';
import { describeOwnership } from './lease/ownership.ts';
import { describeStops } from './lease/stops.ts';
import { describeWaiting } from './lease/waiting.ts';

export interface DescribeRunLeaseOptions {
  /** Advances the clock that the leases use. Default: waits in real time. */
  passTime?: ((ms: number) => Promise<void>) | undefined;
  /** The length of the leases whose expiry tests wait for, in milliseconds. Default 300. */
  shortTtlMs?: number | undefined;
  /** How many random histories are compared with the model. Default 100. */
  runs?: number | undefined;
  /** Vitest's timeout for each test, in milliseconds. Default 30,000. */
  timeoutMs?: number | undefined;
}

/**
 * Declares a vitest suite that checks a lease. `createMachines` makes two leases of the given length over one backend,
 * as two machines would have; it is called twice, and the leases are closed after the last test. All runs and threads
 * have new ids.
 *
 * @example
 * describeRunLease('my lease', (ttlMs) => [createMyLease({ url, ttlMs }), createMyLease({ url, ttlMs })]);
 */
export const describeRunLease = (
  name: string,
  createMachines: (ttlMs: number) => Machines | Promise<Machines>,
  options: DescribeRunLeaseOptions = {},
): void => {
  describe(name, { timeout: options.timeoutMs ?? 30_000 }, () => {
    let patient: Machines;
    let hasty: Machines;
    beforeAll(async () => {
      patient = await createMachines(600_000);
      hasty = await createMachines(options.shortTtlMs ?? 300);
    });
    afterAll(async () => {
      for (const lease of new Set<RunLease>([...patient, ...hasty])) await lease.close();
    });

    const kit: LeaseKit = {
      patient: () => patient,
      hasty: () => hasty,
      passTime: options.passTime ?? ((ms) => new Promise((done) => setTimeout(done, ms))),
      runs: options.runs ?? 100,
    };
    describeOwnership(kit);
    describeExpiry(kit);
    describeStops(kit);
    describeLine(kit);
    describeWaiting(kit);
    describeInterleavedClaims(kit);
  });
};
