// Whoever gets the lock of another takes it for dead. So nobody gets that of one that lives, whoever looks, and whenever.
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, describe, expect, it } from 'vitest';
import { createHolderLocks } from '../src/sqlite/holder-locks.ts';

const folder = mkdtempSync(join(tmpdir(), 'chatkit-holder-locks-'));
let lookers: Worker[] = [];
afterAll(async () => {
  for (const worker of lookers) await worker.terminate();
  rmSync(folder, { recursive: true, force: true });
});

const locks = new URL('../src/sqlite/holder-locks.ts', import.meta.url).href;
/** Looks all the time, and tells whom it has found dead when it is asked. */
const looker = `
  const { parentPort, workerData } = require('node:worker_threads');
  import(workerData.locks).then(async ({ createHolderLocks }) => {
    const own = createHolderLocks(workerData.path);
    const found = [];
    parentPort.on('message', () => parentPort.postMessage(found.splice(0)));
    parentPort.postMessage('ready');
    for (;;) {
      for (let look = 0; look < 20; look += 1) {
        for (const { id, end } of own.dead()) { found.push(id); end(true); }
      }
      await new Promise(setImmediate);
    }
  });`;

describe('createHolderLocks', { timeout: 60_000 }, () => {
  it('has nobody taken for dead who comes while others look', async () => {
    const path = join(folder, 'coming.db');
    writeFileSync(path, '');
    lookers = [1, 2].map(() => new Worker(looker, { eval: true, workerData: { path, locks } }));
    await Promise.all(lookers.map((worker) => once(worker, 'message')));
    for (let round = 0; round < 100; round += 1) {
      const holders = Array.from({ length: 10 }, () => createHolderLocks(path));
      const alive = holders.map((holder) => holder.own());
      const found = await Promise.all(
        lookers.map(async (worker) => {
          const told = once(worker, 'message');
          worker.postMessage('whom?');
          return (await told)[0] as string[];
        }),
      );
      expect(found.flat().filter((id) => alive.includes(id))).toEqual([]);
      for (const holder of holders) holder.close();
    }
  });
});
