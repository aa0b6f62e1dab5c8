import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSqliteLog, type SqliteLog, type SqliteLogOptions } from '@chatkit/store/sqlite';
import { describeStreamLog } from '@chatkit/testing/conformance';
import { afterAll, it } from 'vitest';
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
