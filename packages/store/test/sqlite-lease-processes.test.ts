// Leases of several processes on one file: who has a thread, who has died, and what they tell each other.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createId, type RunClaim, type RunLease, type RunRecord } from '@chatkit/core';
import { createSqliteLease, type SqliteLeaseOptions } from '@chatkit/store/sqlite';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { machineNow } from '../src/sqlite/machine-clock.ts';
import { type LeaseProcess, startLease } from './lease-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'chatkit-sqlite-processes-'));
const started: LeaseProcess[] = [];
const opened: RunLease[] = [];
afterEach(async () => {
  for (const each of started.splice(0)) await each.kill();
  for (const lease of opened.splice(0)) await lease.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const freshPath = () => join(folder, `${++files}.db`);

const start = async (options: SqliteLeaseOptions): Promise<LeaseProcess> => {
  const made = await startLease(options);
  started.push(made);
  return made;
};
const open = (options: SqliteLeaseOptions): RunLease => {
  const lease = createSqliteLease(options);
  opened.push(lease);
  return lease;
};
const claimOf = (threadId = createId('thread')): RunClaim => ({ runId: createId('run'), threadId, resumable: true });
const granted = async (lease: Pick<RunLease, 'acquire'>, claim: RunClaim, waiter?: string): Promise<RunRecord> => {
  const answer = await lease.acquire(claim, waiter);
  if ('granted' in answer) return answer.granted;
  throw new Error('It was not granted.');
};
const until = async (check: () => boolean): Promise<void> => {
  while (!check()) await new Promise((done) => setTimeout(done, 2));
};
/** The locks beside a file. */
const locksOf = (path: string): string[] =>
  readdirSync(dirname(path)).filter((name) => name.startsWith(`${basename(path)}-holder-`));

// Longer than any test: what runs out here has run out because its owner is dead.
const ttlMs = 600_000;

describe('createSqliteLease in several processes', { timeout: 60_000 }, () => {
  it('grants a thread to one of three that race for it, a hundred times', async () => {
    const path = freshPath();
    const machines = await Promise.all([1, 2, 3].map(() => start({ path, ttlMs })));
    for (let round = 0; round < 100; round += 1) {
      const { threadId } = claimOf();
      const answers = await Promise.all(
        machines.flatMap(({ lease }) => [lease.acquire(claimOf(threadId)), lease.acquire(claimOf(threadId))]),
      );
      const winners = answers.flatMap((answer) => ('granted' in answer ? [answer.granted] : []));
      expect(winners).toHaveLength(1);
      for (const answer of answers) expect(Object.values(answer)).toEqual(winners);
    }
  });

  it('gives the runs of one that was killed to one other at once, and its places to nobody', async () => {
    const path = freshPath();
    const dead = await start({ path, ttlMs });
    const [a, b] = [await start({ path, ttlMs }), open({ path, ttlMs })];
    const run = await granted(dead.lease, { ...claimOf(), userId: 'ada' });
    const other = await granted(b, claimOf());
    const waiting = claimOf(other.threadId);
    await dead.lease.queue(waiting, 'dead');
    expect([...(await a.lease.reap()), ...(await b.reap())]).toEqual([]);
    await dead.kill();
    const reaped = (await Promise.all([a.lease.reap(), b.reap(), a.lease.reap(), b.reap()])).flat();
    expect(reaped).toEqual([{ ...run, epoch: 2 }]);
    expect(await a.lease.find(waiting.runId)).toBeUndefined();
    expect(await b.renew(other)).toEqual({ held: true });
    expect(await b.acquire(claimOf(run.threadId))).toEqual({ heldBy: { ...run, epoch: 2 } });
    await b.release({ ...run, epoch: 2 }, 'interrupted');
    await granted(b, claimOf(run.threadId));
  });

  it('lets a process that starts again find what it left, and leaves no lock behind', async () => {
    const path = freshPath();
    for (let round = 0; round < 3; round += 1) {
      const first = await start({ path, ttlMs });
      const runs = [await granted(first.lease, claimOf()), await granted(first.lease, claimOf())];
      expect(locksOf(path)).toHaveLength(1);
      await first.kill();
      const next = await start({ path, ttlMs });
      const reaped = await next.lease.reap();
      expect(reaped).toHaveLength(2);
      for (const run of runs) expect(reaped).toContainEqual({ ...run, epoch: 2 });
      for (const run of reaped) await next.lease.release(run, 'interrupted');
      await next.lease.close();
      expect(locksOf(path)).toEqual([]);
      await next.kill();
    }
  });

  it('gives the run on when the one that reaped it is killed too', async () => {
    const path = freshPath();
    const [a, b] = [await start({ path, ttlMs }), await start({ path, ttlMs })];
    const c = open({ path, ttlMs });
    const run = await granted(a.lease, claimOf());
    await a.kill();
    expect(await b.lease.reap()).toEqual([{ ...run, epoch: 2 }]);
    expect(await c.reap()).toEqual([]);
    await b.kill();
    expect(await c.reap()).toEqual([{ ...run, epoch: 3 }]);
  });

  it('takes nobody for dead who lives: suspended, busy, or in this very process', async () => {
    const path = freshPath();
    const suspended = await start({ path, ttlMs });
    const [a, b] = [open({ path, ttlMs }), open({ path, ttlMs })];
    const [first, second] = [await granted(suspended.lease, claimOf()), await granted(a, claimOf())];
    suspended.pause();
    for (let look = 0; look < 20; look += 1) expect([...(await b.reap()), ...(await a.reap())]).toEqual([]);
    suspended.resume();
    expect(await suspended.lease.renew(first)).toEqual({ held: true });
    expect(await a.renew(second)).toEqual({ held: true });
  });

  it('lets a lease run out whose lock is gone: that proves nothing', async () => {
    const path = freshPath();
    let late = 0;
    const clock = { now: () => machineNow() + late };
    const [dead, other] = [await start({ path, ttlMs }), open({ path, ttlMs, clock })];
    const run = await granted(dead.lease, claimOf());
    for (const name of locksOf(path)) rmSync(join(folder, name));
    expect(await other.reap()).toEqual([]);
    await dead.kill();
    expect(await other.reap()).toEqual([]);
    late = ttlMs;
    expect(await other.reap()).toEqual([{ ...run, epoch: 2 }]);
  });

  it('removes what others have left beside the file, and nothing else', async () => {
    const path = freshPath();
    writeFileSync(`${path}-holder-left`, '');
    writeFileSync(`${path}-holders`, 'notes');
    const lease = open({ path, ttlMs });
    await granted(lease, claimOf());
    expect(await lease.reap()).toEqual([]);
    expect(locksOf(path)).toHaveLength(1);
    expect(locksOf(path)).not.toContain(`${basename(path)}-holder-left`);
    expect(readdirSync(folder)).toContain(`${basename(path)}-holders`);
  });

  it('tells a process of a stop and of a free thread that another asks for', async () => {
    const path = freshPath();
    const [a, b] = [await start({ path, ttlMs }), await start({ path, ttlMs })];
    const run = await granted(a.lease, claimOf());
    const [second, third] = [claimOf(run.threadId), claimOf(run.threadId)];
    await b.lease.queue(second, 'b');
    await b.lease.requestStop(run.runId, 'superseded');
    await until(() => a.heard.some(([id, cause]) => id === run.runId && cause === 'superseded'));
    // One that waits is told, too, and its own machine asks for it again.
    await a.lease.requestStop(second.runId, 'cancel');
    await until(() => b.heard.some(([id, cause]) => id === second.runId && cause === 'cancel'));
    await a.lease.queue(third, 'a');
    await a.lease.release(run, 'cancelled');
    await until(() => b.heard.some(([id, cause]) => id === run.threadId && cause === undefined));
    await b.lease.leave(second, 'b', 'cancelled');
    await until(() => a.heard.filter(([id, cause]) => id === run.threadId && cause === undefined).length >= 2);
    expect(await a.lease.find(second.runId)).toMatchObject({ outcome: 'cancelled' });
  });

  it('hears once of each stop, whoever asks', async () => {
    const path = freshPath();
    const [a, b] = [await start({ path, ttlMs }), await start({ path, ttlMs })];
    const run = await granted(a.lease, claimOf());
    for (let n = 0; n < 20; n += 1) await (n % 2 === 0 ? a : b).lease.requestStop(run.runId, `cause ${n}`);
    await until(() => a.heard.filter(([id]) => id === run.runId).length >= 20);
    await new Promise((done) => setTimeout(done, 60));
    const causes = a.heard.filter(([id]) => id === run.runId).map(([, cause]) => cause);
    expect(causes.sort()).toEqual(Array.from({ length: 20 }, (_, n) => `cause ${n}`).sort());
  });
});
