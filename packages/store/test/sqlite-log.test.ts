import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createId, type ThreadStreamEvent } from '@chatkit/core';
import { createSqliteLog, type SqliteLog, type SqliteLogOptions } from '@chatkit/store/sqlite';
import { describeStreamLog } from '@chatkit/testing/conformance';
import { afterAll, expect, it } from 'vitest';
import { checkLogLaw } from './log-law.ts';

const folder = mkdtempSync(join(tmpdir(), 'chatkit-sqlite-log-'));
const opened: SqliteLog[] = [];
afterAll(async () => {
  for (const log of opened) await log.close();
  rmSync(folder, { recursive: true, force: true });
});
let files = 0;
const freshPath = () => join(folder, `${++files}.db`);
const open = (options: Partial<SqliteLogOptions> = {}): SqliteLog => {
  const log = createSqliteLog({ path: freshPath(), ...options });
  opened.push(log);
  return log;
};

describeStreamLog('createSqliteLog', () => open(), {
  createSmallLog: () => open({ maxBytesPerRun: 20_000 }),
  hasRows: true,
});

// What one process makes and appends, another one reads.
describeStreamLog(
  'createSqliteLog, from another process',
  () => {
    const path = freshPath();
    return { ...open({ path }), read: open({ path }).read };
  },
  { runs: 30 },
);

// A run that one process has made is written by another one, and read by a third.
describeStreamLog(
  'createSqliteLog, taken over',
  () => {
    const path = freshPath();
    return { ...open({ path }), create: open({ path }).create, read: open({ path }).read };
  },
  { runs: 30 },
);

it('gives each reader of two processes every entry once, in order, or a reason', { timeout: 60_000 }, async () => {
  const path = freshPath();
  const fast = { path, flushMs: 3, checkMs: 20 };
  await checkLogLaw([open(fast), open(fast)], 150);
});

it('waits for the disk once in 32 MB of writes, not in 4', { timeout: 60_000 }, async () => {
  const path = freshPath();
  const log = open({ path });
  const event: ThreadStreamEvent = { type: 'progress_update', text: 'x'.repeat(1_000_000) };
  for (let run = 0; run < 6; run += 1) {
    const runId = createId('run');
    await log.create(runId);
    await log.append(runId, [
      { offset: '1-1', event },
      { offset: '1-2', end: 'completed' },
    ]);
  }
  // After a checkpoint the write-ahead log would be written from its beginning again.
  expect(statSync(`${path}-wal`).size).toBeGreaterThan(6_000_000);
});
