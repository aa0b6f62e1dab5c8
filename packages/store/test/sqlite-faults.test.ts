/** A file that is full, locked, gone or broken: every call ends, nothing is half stored, and it works again when that is over. */
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Store } from '@chatkit/core';
import { createSqliteStore } from '@chatkit/store/sqlite';
import { afterAll, describe, expect, it, vi } from 'vitest';

type Context = { userId: string };
const folder = mkdtempSync(join(tmpdir(), 'chatkit-sqlite-faults-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const freshPath = () => join(folder, `${++files}.db`);

const me = { userId: 'ada' };
const threadOf = (id: string, title = '') => ({
  id,
  title,
  created_at: '2026-01-01T00:00:00Z',
  status: { type: 'active' as const },
  metadata: {},
});
const idsOf = async (store: Store<Context>): Promise<string[]> =>
  (await store.listThreads({ limit: 50, order: 'asc' }, me)).data.map(({ id }) => id);

/** A store, and its connection that writes: how many pages a file may have is a matter of the connection. */
const openWithWriter = (path: string) => {
  const exec = vi.spyOn(DatabaseSync.prototype, 'exec');
  const store = createSqliteStore<Context>({ path });
  const writer = exec.mock.contexts[0] as DatabaseSync;
  exec.mockRestore();
  return { store, writer };
};
const fillUp = (database: DatabaseSync): void => {
  const pages = Number(database.prepare('PRAGMA page_count').get()?.['page_count']);
  database.exec(`PRAGMA max_page_count = ${pages + 3}`);
};
const large = 'x'.repeat(100_000);

describe('createSqliteStore under faults', () => {
  it('refuses what does not fit on the disk, keeps what is there, and goes on when there is room', async () => {
    const { store, writer } = openWithWriter(freshPath());
    using _ = store;
    await store.saveThread(threadOf('a'), me);
    fillUp(writer);
    await expect(store.saveThread(threadOf('large', large), me)).rejects.toThrow(/full/);
    await expect(store.saveThread(threadOf('a', large), me)).rejects.toThrow(/full/);
    const work = store.transaction(async (tx) => {
      await tx.saveThread(threadOf('b'), me);
      await tx.saveThread(threadOf('large', large), me);
    }, me);
    await expect(work).rejects.toThrow(/full/);
    expect(await idsOf(store)).toEqual(['a']);
    expect((await store.loadThread('a', me)).thread.title).toBe('');
    await store.saveThread(threadOf('small'), me);
    writer.exec('PRAGMA max_page_count = 1000000');
    await store.transaction((tx) => tx.saveThread(threadOf('large', large), me), me);
    expect(await idsOf(store)).toEqual(['a', 'small', 'large']);
  });

  // SQLite undoes the whole transaction by itself then, and would take the next statement for one of its own.
  it('stores nothing of a transaction that met a full disk, also when the work goes on', async () => {
    const { store, writer } = openWithWriter(freshPath());
    using _ = store;
    await store.saveThread(threadOf('a'), me);
    fillUp(writer);
    const work = store.transaction(async (tx) => {
      await tx.saveThread(threadOf('before'), me);
      await tx.saveThread(threadOf('large', large), me).catch(() => {});
      await tx.saveThread(threadOf('after'), me).catch(() => {});
    }, me);
    await expect(work).rejects.toThrow(/full/);
    const nested = store.transaction(async (tx) => {
      await tx.saveThread(threadOf('before'), me);
      await tx.transaction((inner) => inner.saveThread(threadOf('large', large), me), me).catch(() => {});
      await tx.saveThread(threadOf('after'), me);
    }, me);
    // Whether the nested one can be undone alone is for SQLite to say; half of it is never there.
    const stored = await nested.then(
      () => ['a', 'before', 'after'],
      () => ['a'],
    );
    expect(await idsOf(store)).toEqual(stored);
  });

  it('tells a whole line of writers within one timeout that another process does not let go', async () => {
    const path = freshPath();
    using store = createSqliteStore<Context>({ path, busyTimeoutMs: 200 });
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    const looks = vi.spyOn(globalThis, 'setTimeout');
    const line = await Promise.allSettled(Array.from({ length: 50 }, (_, n) => store.saveThread(threadOf(`${n}`), me)));
    // Pauses, which are 50 ms at most: fifty times the timeout would be hundreds.
    expect(looks.mock.calls.filter(([, ms]) => (ms ?? 0) <= 50).length).toBeLessThan(60);
    looks.mockRestore();
    expect(new Set(line.map(({ status }) => status))).toEqual(new Set(['rejected']));
    other.close();
    expect(await store.saveThread(threadOf('a'), me)).toBe(1);
  });

  it('waits for a process that has the whole file, from the first look at a statement on', async () => {
    const path = freshPath();
    createSqliteStore({ path }).close();
    using store = createSqliteStore<Context>({ path });
    const other = new DatabaseSync(path);
    // The next one that opens the log has to recover it, and this is what it looks like meanwhile.
    const prepare = vi.spyOn(DatabaseSync.prototype, 'prepare');
    prepare.mockImplementationOnce(() => {
      throw Object.assign(new Error('database is locked'), { errcode: 261 });
    });
    expect(await store.listThreads({ limit: 1, order: 'asc' }, me)).toMatchObject({ data: [] });
    prepare.mockRestore();
    other.close();
  });

  it.skipIf(process.platform === 'win32')('takes no writes for a file that is gone or was replaced', async () => {
    const path = freshPath();
    using store = createSqliteStore<Context>({ path });
    await store.saveThread(threadOf('a'), me);
    renameSync(path, `${path}.away`);
    await expect(store.saveThread(threadOf('lost'), me)).rejects.toMatchObject({ code: 'internal' });
    await expect(store.transaction((tx) => tx.saveThread(threadOf('lost'), me), me)).rejects.toThrow(/removed/);
    copyFileSync(`${path}.away`, path);
    await expect(store.saveThread(threadOf('lost'), me)).rejects.toThrow(/replaced/);
    expect(await idsOf(store)).toEqual(['a']);
    renameSync(`${path}.away`, path);
    await store.saveThread(threadOf('b'), me);
    expect(await idsOf(store)).toEqual(['a', 'b']);
  });

  it('refuses a broken file, at once or when it is met, and ends every call', async () => {
    const path = freshPath();
    writeFileSync(
      path,
      'This is a text, and it is long enough to be taken for the head of a database file, which it is not.',
    );
    expect(() => createSqliteStore({ path })).toThrow(/not a database/);

    const broken = freshPath();
    {
      using store = createSqliteStore<Context>({ path: broken });
      for (let n = 0; n < 50; n += 1) await store.saveThread(threadOf(`t${n}`, large.slice(0, 5_000)), me);
    }
    const found = new DatabaseSync(broken);
    // Where the threads are; what says which tables there are stays as it is.
    const root = Number(
      found.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'chatkit_thread'").get()?.['rootpage'],
    );
    found.close();
    const bytes = readFileSync(broken);
    bytes.fill(0xff, 4096 * (root - 1), 4096 * root);
    writeFileSync(broken, bytes);
    using store = createSqliteStore<Context>({ path: broken });
    await expect(store.listThreads({ limit: 50, order: 'asc' }, me)).rejects.toThrow(/malformed/);
    await expect(store.saveThread(threadOf('new'), me)).rejects.toThrow(/malformed/);
    await expect(store.transaction((tx) => tx.saveThread(threadOf('new'), me), me)).rejects.toThrow(/malformed/);
  });
});
