import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createSqliteStore } from '@chatkit/store/sqlite';
import { describeStore } from '@chatkit/testing/conformance';
import { afterAll, describe, expect, it } from 'vitest';

type Context = { userId: string };
const folder = mkdtempSync(join(tmpdir(), 'chatkit-sqlite-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const freshPath = () => join(folder, `${++files}.db`);

describeStore('createSqliteStore', () => createSqliteStore<Context>({ path: freshPath() }), {
  close: (store) => store.close(),
  runs: 100,
});

const me = { userId: 'ada' };
const thread = { id: 'thr', created_at: '2026-01-01T00:00:00Z', status: { type: 'active' as const }, metadata: {} };

describe('createSqliteStore, beyond the contract', () => {
  it('keeps everything when it is closed and opened again', async () => {
    const path = freshPath();
    {
      using store = createSqliteStore<Context>({ path });
      await store.saveThread(thread, me);
      await store.saveThread({ ...thread, title: 'again' }, me);
    }
    using store = createSqliteStore<Context>({ path });
    expect(await store.loadThread('thr', me)).toEqual({ thread: { ...thread, title: 'again' }, version: 2 });
  });

  it('shares a file with other connections, which see its writes at once', async () => {
    const path = freshPath();
    using one = createSqliteStore<Context>({ path });
    using two = createSqliteStore<Context>({ path });
    await one.saveThread(thread, me);
    expect((await two.loadThread('thr', me)).version).toBe(1);
    const writers = [one, two].flatMap((store) => Array.from({ length: 20 }, () => store.saveThread(thread, me)));
    expect(new Set(await Promise.all(writers)).size).toBe(40);
  });

  it('waits for another writer without stopping the event loop, and fails as retryable in the end', async () => {
    const path = freshPath();
    using store = createSqliteStore<Context>({ path, busyTimeoutMs: 1_000 });
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
      if (turns === 5) other.exec('COMMIT');
    }, 1);
    expect(await store.saveThread(thread, me)).toBe(1);
    clearInterval(timer);
    expect(turns).toBeGreaterThanOrEqual(5);

    using impatient = createSqliteStore<Context>({ path, busyTimeoutMs: 20 });
    other.exec('BEGIN IMMEDIATE');
    await expect(impatient.saveThread(thread, me)).rejects.toMatchObject({ code: 'internal', retryable: true });
    await expect(impatient.transaction(async () => {}, me)).rejects.toMatchObject({ retryable: true });
    expect((await impatient.loadThread('thr', me)).version).toBe(1);
    other.close();
    expect(await impatient.saveThread(thread, me)).toBe(2);
  });

  it('migrates a file that an older version made, and refuses what is no file', () => {
    const path = freshPath();
    const other = new DatabaseSync(path);
    other.exec('CREATE TABLE notes (text TEXT); PRAGMA user_version = 7');
    other.close();
    createSqliteStore({ path }).close();
    createSqliteStore({ path }).close();
    const after = new DatabaseSync(path);
    expect(after.prepare('PRAGMA user_version').get()).toEqual({ user_version: 7 });
    expect(after.prepare('SELECT step FROM chatkit_migration').all()).toEqual([{ step: 1 }]);
    after.close();
    for (const none of ['', ':memory:', 'file:x?mode=memory'])
      expect(() => createSqliteStore({ path: none })).toThrow();
  });

  it('finds a page by the index, not by a scan', () => {
    const path = freshPath();
    createSqliteStore({ path }).close();
    const database = new DatabaseSync(path);
    const plan = database
      .prepare(
        `EXPLAIN QUERY PLAN SELECT id, body FROM chatkit_item WHERE user_id = ?1 AND thread_id = ?2
         AND (created_us, seq) < (?4, ?5) ORDER BY created_us DESC, seq DESC LIMIT ?3`,
      )
      .all()
      .map((row) => String(row['detail']));
    database.close();
    expect(plan).toEqual([
      'SEARCH chatkit_item USING INDEX chatkit_item_order (user_id=? AND thread_id=? AND (created_us,seq)<(?,?))',
    ]);
  });
});
