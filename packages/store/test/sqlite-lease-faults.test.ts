/** A file that is full, locked, gone or broken, and a clock that begins anew: every call ends, and nothing is half decided. */
import { copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createId, type RunClaim, type RunLease, type RunRecord } from '@chatkit/core';
import { createSqliteLease } from '@chatkit/store/sqlite';
import { createVirtualClock } from '@chatkit/testing';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { startLease } from './lease-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'chatkit-lease-faults-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const freshPath = () => join(folder, `${++files}.db`);
const leases: RunLease[] = [];
const open = (options: Parameters<typeof createSqliteLease>[0]): RunLease => {
  const lease = createSqliteLease(options);
  leases.push(lease);
  return lease;
};
afterEach(async () => {
  for (const lease of leases.splice(0)) await lease.close();
});
const claimOf = (threadId = createId('thread')): RunClaim => ({ runId: createId('run'), threadId, resumable: true });
const granted = async (lease: Pick<RunLease, 'acquire'>, claim: RunClaim): Promise<RunRecord> => {
  const answer = await lease.acquire(claim);
  if ('granted' in answer) return answer.granted;
  throw new Error('It was not granted.');
};

describe('createSqliteLease under faults', () => {
  it('fails as retryable while another process writes for too long, and goes on behind it', async () => {
    const path = freshPath();
    const lease = open({ path, busyTimeoutMs: 100 });
    const run = await granted(lease, claimOf());
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    const busy = { code: 'internal', retryable: true };
    await expect(lease.acquire(claimOf())).rejects.toMatchObject(busy);
    await expect(lease.renew(run)).rejects.toMatchObject(busy);
    await expect(lease.release(run, 'completed')).rejects.toMatchObject(busy);
    // Who only looks does not wait.
    expect(await lease.find(run.runId)).toEqual(run);
    expect(await lease.activeIn(run.threadId)).toEqual(run);
    expect(await lease.reap()).toEqual([]);
    other.exec('COMMIT');
    other.close();
    expect(await lease.renew(run)).toEqual({ held: true });
  });

  it('keeps the evidence of a death that it could not write down', async () => {
    const path = freshPath();
    const dead = await startLease({ path, ttlMs: 600_000 });
    const lease = open({ path, ttlMs: 600_000, busyTimeoutMs: 100 });
    const run = await granted(dead.lease, claimOf());
    await dead.kill();
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    await expect(lease.reap()).rejects.toMatchObject({ code: 'internal', retryable: true });
    other.exec('COMMIT');
    other.close();
    expect(await lease.reap()).toEqual([{ ...run, epoch: 2 }]);
  });

  it('decides wholly or not at all on a full disk', async () => {
    const path = freshPath();
    const exec = vi.spyOn(DatabaseSync.prototype, 'exec');
    const lease = open({ path });
    const writer = exec.mock.contexts[0] as DatabaseSync;
    exec.mockRestore();
    const first = await granted(lease, claimOf());
    const pages = Number(writer.prepare('PRAGMA page_count').get()?.['page_count']);
    writer.exec(`PRAGMA max_page_count = ${pages}`);
    const long = { ...claimOf(), userId: 'x'.repeat(100_000) };
    await expect(lease.acquire(long)).rejects.toThrow(/full/);
    await expect(lease.queue({ ...long, threadId: first.threadId }, 'here')).rejects.toThrow(/full/);
    expect(await lease.find(long.runId)).toBeUndefined();
    expect(await lease.activeIn(long.threadId)).toBeUndefined();
    await lease.release(first, 'completed');
    writer.exec('PRAGMA max_page_count = 1000000');
    expect(await granted(lease, long)).toEqual({ ...long, epoch: 1 });
  });

  it.skipIf(process.platform === 'win32')('decides nothing in a file that is gone or was replaced', async () => {
    const path = freshPath();
    const lease = open({ path });
    const run = await granted(lease, claimOf());
    renameSync(path, `${path}.away`);
    await expect(lease.acquire(claimOf())).rejects.toMatchObject({ code: 'internal' });
    await expect(lease.renew(run)).rejects.toThrow(/removed/);
    copyFileSync(`${path}.away`, path);
    await expect(lease.renew(run)).rejects.toThrow(/replaced/);
    renameSync(`${path}.away`, path);
    expect(await lease.renew(run)).toEqual({ held: true });
  });

  it('refuses what is no file, and calls after its end', async () => {
    expect(() => createSqliteLease({ path: ':memory:' })).toThrow('for a lease in memory, use createMemoryLease');
    const path = freshPath();
    writeFileSync(path, 'This is a text, and it is long enough to be taken for the head of a database file.'.repeat(3));
    expect(() => createSqliteLease({ path })).toThrow(/not a database/);
    const lease = createSqliteLease({ path: freshPath() });
    await lease.close();
    await lease.close();
    await expect(lease.acquire(claimOf())).rejects.toThrow();
  });

  it('takes what is from before a restart of the machine for over, and keeps its ended runs', async () => {
    const path = freshPath();
    const before = createVirtualClock();
    await before.advance(3_600_000);
    const old = open({ path, clock: before });
    const run = await granted(old, claimOf());
    const [waiting, ended] = [claimOf(run.threadId), await granted(old, claimOf())];
    await old.queue(waiting, 'old');
    await old.release(ended, 'completed');

    const after = createVirtualClock();
    const lease = open({ path, clock: after, retainMs: 10_000 });
    expect(await lease.renew(run)).toEqual({ held: false });
    expect(await lease.find(waiting.runId)).toBeUndefined();
    expect(await lease.reap()).toEqual([{ ...run, epoch: 2 }]);
    await lease.release({ ...run, epoch: 2 }, 'interrupted');
    expect(await lease.find(ended.runId)).toMatchObject({ outcome: 'completed' });
    await granted(lease, claimOf(run.threadId));
    // As long as those that end now.
    await after.advance(10_001);
    for (let round = 0; round < 2; round += 1) await lease.release(await granted(lease, claimOf()), 'completed');
    expect(await lease.find(ended.runId)).toBeUndefined();
  });

  it('forgets ended runs when their time is over, a few at a time, and lines that nobody looks at', async () => {
    const path = freshPath();
    const clock = createVirtualClock();
    const lease = open({ path, clock, retainMs: 1_000, ttlMs: 100 });
    const database = new DatabaseSync(path);
    const count = (table: string) => Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n']);
    const end = async () => lease.release(await granted(lease, claimOf()), 'completed');
    for (let n = 0; n < 50; n += 1) await end();
    await lease.queue(claimOf(), 'gone');
    expect(count('chatkit_lease_run')).toBe(50);
    await clock.advance(1_001);
    await clock.advance(1_000);
    const counts: number[] = [];
    for (let n = 0; n < 4; n += 1) {
      await end();
      counts.push(count('chatkit_lease_run'));
    }
    expect(counts).toEqual([31, 12, 3, 4]);
    expect(await lease.reap()).toEqual([]);
    expect([count('chatkit_lease_place'), count('chatkit_lease_machine')]).toEqual([0, 0]);
    database.close();
  });

  it('lets a process end that holds a run and closes nothing', async () => {
    const path = freshPath();
    const left = await startLease({ path });
    await granted(left.lease, claimOf());
    await left.leave();
    expect(left.exitCode()).toBe(0);
  });
});
