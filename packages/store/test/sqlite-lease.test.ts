import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSqliteLease } from '@chatkit/store/sqlite';
import { createVirtualClock } from '@chatkit/testing';
import { describeRunLease } from '@chatkit/testing/conformance';
import { afterAll, it } from 'vitest';
import { checkLeaseLaw, lawTtlMs } from './lease-law.ts';

const folder = mkdtempSync(join(tmpdir(), 'chatkit-sqlite-lease-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const freshPath = () => join(folder, `${++files}.db`);

const clock = createVirtualClock();
const passTime = (ms: number) => clock.advance(ms);

describeRunLease(
  'createSqliteLease',
  (ttlMs) => {
    const lease = createSqliteLease({ path: freshPath(), ttlMs, clock });
    return [lease, lease];
  },
  { passTime, runs: 100 },
);

describeRunLease(
  'two of createSqliteLease over one file',
  (ttlMs) => {
    const path = freshPath();
    return [createSqliteLease({ path, ttlMs, clock }), createSqliteLease({ path, ttlMs, clock })];
  },
  { passTime, runs: 100 },
);

const shared = freshPath();
describeRunLease(
  'createSqliteLease, leases of two lengths over one file',
  (ttlMs) => [createSqliteLease({ path: shared, ttlMs, clock }), createSqliteLease({ path: shared, ttlMs, clock })],
  { passTime, runs: 20 },
);

it('answers two machines on one file as the lease in memory does, at any time', async () => {
  const path = freshPath();
  const open = () => createSqliteLease({ path, ttlMs: lawTtlMs, clock, checkMs: 1_000_000 });
  const machines = [open(), open()] as const;
  await checkLeaseLaw(machines, clock, 100);
  for (const machine of machines) await machine.close();
});
