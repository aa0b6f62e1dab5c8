/** What the SQLite store, log and lease ask of `node:sqlite`, for every version of Node that has it: the kits themselves run in `npm test`. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createSqliteLease, createSqliteLog, createSqliteStore } from '../../src/sqlite/index.ts';

const user = 'ada';
const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
const threadOf = (id: string, created_at = at(0)) => ({
  id,
  created_at,
  status: { type: 'active' as const },
  metadata: {},
});

const open = () => {
  const folder = mkdtempSync(join(tmpdir(), 'chatkit-sqlite-'));
  const path = join(folder, 'chat.db');
  const store = createSqliteStore<string>({ path });
  onTestFinished(() => {
    store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { store, path };
};

it('writes, pages and reads back', async () => {
  const { store } = open();
  for (const n of [0, 1, 2]) await store.saveThread(threadOf(`t${n}`, at(n)), user);
  expect(await store.saveThread(threadOf('t1', at(1)), user, { ifVersion: 1 })).toBe(2);
  const page = await store.listThreads({ limit: 2, order: 'desc' }, user);
  expect(page.data.map((thread) => thread.id)).toEqual(['t2', 't1']);
  const rest = await store.listThreads({ limit: 2, order: 'desc', after: 't1' }, user);
  expect(rest.data.map((thread) => thread.id)).toEqual(['t0']);
});

it('undoes a transaction that fails, and takes the items of a thread with it', async () => {
  const { store } = open();
  await store.saveThread(threadOf('t'), user);
  const item = { type: 'hidden_context_item' as const, id: 'i', thread_id: 't', created_at: at(0), content: 'x' };
  await store.saveItem('t', item, user);
  const failing = store.transaction(async (inner) => {
    await inner.deleteThread('t', user);
    throw new Error('no');
  }, user);
  await expect(failing).rejects.toThrow('no');
  expect((await store.listItems('t', { limit: 5, order: 'asc' }, user)).data).toEqual([item]);
  await store.deleteThread('t', user);
  expect((await store.listItems('t', { limit: 5, order: 'asc' }, user)).data).toEqual([]);
});

it('takes turns with another connection, and is closed when it says so', async () => {
  const { store, path } = open();
  const other = createSqliteStore<string>({ path });
  const writes = [store, other].flatMap((each) => [1, 2, 3, 4].map(() => each.saveThread(threadOf('t'), user)));
  expect(new Set(await Promise.all(writes)).size).toBe(8);
  other.close();
  other.close();
  // In words that differ from version to version.
  expect(await other.saveThread(threadOf('t'), user).catch(() => 'refused')).toBe('refused');
});

it('keeps a log that another connection reads, takes over and ends', async () => {
  const { path } = open();
  const [log, other] = [createSqliteLog({ path, flushMs: 5, checkMs: 50 }), createSqliteLog({ path })];
  onTestFinished(async () => {
    await log.close();
    await other.close();
  });
  const read = async (from: typeof log) => {
    const entries: unknown[] = [];
    for await (const entry of from.read('run')) entries.push(entry);
    return entries;
  };
  await log.create('run');
  const readers = [read(log), read(other)];
  const event = { type: 'progress_update' as const, text: 'x' };
  log.append('run', [{ offset: '1-1', event }]);
  // The other one has it, so it is in the file.
  for await (const entry of other.read('run')) {
    expect(entry).toEqual({ offset: '1-1', event });
    break;
  }
  await other.append('run', [{ offset: '2-1', end: 'interrupted' }]);
  const all = [
    { offset: '1-1', event },
    { offset: '2-1', end: 'interrupted' },
  ];
  expect(await Promise.all(readers)).toEqual([all, all]);
});

it('leases a thread to one of two, tells the other, and leaves nothing beside the file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'chatkit-sqlite-'));
  const path = join(folder, 'runs.db');
  const [a, b] = [createSqliteLease({ path }), createSqliteLease({ path })];
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const claimOf = (runId: string) => ({ runId, threadId: 't', resumable: true });
  const answers = await Promise.all([a.acquire(claimOf('one')), b.acquire(claimOf('two'), 'b')]);
  const run = { ...claimOf('one'), epoch: 1 };
  expect(answers).toEqual([{ granted: run }, { heldBy: run }]);
  expect(await b.reap()).toEqual([]);
  const stop = new Promise((heard) => a.onStop((...said) => heard(said)));
  const free = new Promise((heard) => b.onFree(heard));
  await b.requestStop('one', 'cancel');
  expect(await stop).toEqual(['one', 'cancel']);
  expect(await a.renew(run)).toEqual({ held: true, stop: 'cancel' });
  await a.release(run, 'cancelled');
  expect(await free).toBe('t');
  expect(await b.acquire(claimOf('two'), 'b')).toEqual({ granted: { ...claimOf('two'), epoch: 1 } });
  for (const each of [a, b]) await each.close();
  expect(readdirSync(folder).filter((name) => name.includes('-holder-'))).toEqual([]);
});

it('knows by its lock who has died, and removes it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'chatkit-sqlite-'));
  const path = join(folder, 'runs.db');
  const [a, b] = [createSqliteLease({ path }), createSqliteLease({ path })];
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const locks = () => readdirSync(folder).filter((name) => name.includes('-holder-'));
  const run = { runId: 'one', threadId: 't', resumable: true };
  await a.acquire(run);
  const alive = locks();
  expect(alive.length).toBe(1);
  writeFileSync(`${path}-holder-left`, '');
  expect(await b.reap()).toEqual([]);
  expect(locks()).toEqual(alive);
  expect(await a.renew({ ...run, epoch: 1 })).toEqual({ held: true });
  for (const each of [a, b]) await each.close();
});

export { runAll } from '../../../../test/runtimes/mini-test.ts';
