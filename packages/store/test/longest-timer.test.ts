// `Infinity` as a time means "for ever", and neither "at once", as timers take it, nor "not at all", as SQLite does.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { createSqliteStore } from '@chatkit/store/sqlite';
import { expect, it, vi } from 'vitest';
import { createHeadWatch } from '../src/shared/head-watch.ts';
import type { SqlLogDatabase } from '../src/shared/sql-log-database.ts';

it('polls a database never', async () => {
  vi.useFakeTimers();
  const read = vi.fn(async () => []);
  const database = { read, others: { pollMs: 1, values: '' } } as unknown as SqlLogDatabase;
  const watch = createHeadWatch({
    ...{ database, everyMs: Number.POSITIVE_INFINITY },
    asked: () => new Map([['run', 1]]),
    onHead() {},
  });
  watch.start();
  await vi.advanceTimersByTimeAsync(1_000);
  watch.stop();
  vi.useRealTimers();
  expect(read).not.toHaveBeenCalled();
});

/** Writes to a new file, so that nobody can make tables in it meanwhile. Opening blocks its thread, so this needs its own. */
const busy = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { DatabaseSync } = require('node:sqlite');
  const database = new DatabaseSync(workerData);
  database.exec('PRAGMA journal_mode = WAL; BEGIN IMMEDIATE');
  parentPort.postMessage('begun');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  database.exec('COMMIT');
  database.close();`;

it('waits for whoever has a new SQLite file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'chatkit-busy-'));
  const path = join(folder, 'chat.db');
  const worker = new Worker(busy, { eval: true, workerData: path });
  await once(worker, 'message');
  createSqliteStore({ path, busyTimeoutMs: Number.POSITIVE_INFINITY }).close();
  await once(worker, 'exit');
  rmSync(folder, { recursive: true });
});
