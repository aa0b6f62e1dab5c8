import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { createSqliteLease, createSqliteLog, createSqliteStore } from '@chatkit/store/sqlite';
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

  // The workers spin until both have come: on a busy machine that takes a while.
  it('is opened by several processes at once, also when the file is new', { timeout: 60_000 }, async () => {
    // Opens a row of new files in step with the other workers; `gate` counts who has come to which file.
    const opener = `
      import { workerData, parentPort } from 'node:worker_threads';
      const { createSqliteStore } = await import(workerData.module);
      const gate = new Int32Array(workerData.gate);
      try {
        for (let file = 0; file < workerData.paths.length; file++) {
          Atomics.add(gate, file, 1);
          while (Atomics.load(gate, file) < workerData.workers);
          createSqliteStore({ path: workerData.paths[file] }).close();
        }
        parentPort.postMessage('opened');
      } catch (error) {
        // Lets the others go on, and says what happened.
        for (let file = 0; file < gate.length; file++) Atomics.store(gate, file, workerData.workers);
        parentPort.postMessage(error.message);
      }
    `;
    const workers = 2; // no more than there are cores, or they do not meet
    const paths = Array.from({ length: 60 }, freshPath);
    const module = new URL('../src/sqlite/index.ts', import.meta.url).href;
    const workerData = { module, paths, workers, gate: new SharedArrayBuffer(4 * paths.length) };
    const execArgv = ['--conditions=@chatkit/source', '--input-type=module', '--disable-warning=ExperimentalWarning'];
    const said = Array.from({ length: workers }, async () => {
      const [message] = await once(new Worker(opener, { eval: true, workerData, execArgv }), 'message');
      return message;
    });
    expect(await Promise.all(said)).toEqual(['opened', 'opened']);
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

  it('is opened while somebody writes, also while that is this very process', async () => {
    const path = freshPath();
    using store = createSqliteStore<Context>({ path });
    const options = { path, busyTimeoutMs: 100 };
    await store.transaction(async (inner) => {
      await inner.saveThread(thread, me);
      const [other, log, lease] = [
        createSqliteStore<Context>(options),
        createSqliteLog(options),
        createSqliteLease(options),
      ];
      await expect(other.loadThread('thr', me)).rejects.toMatchObject({ code: 'thread.not_found' });
      other.close();
      await Promise.all([log.close(), lease.close()]);
    }, me);
    expect((await store.loadThread('thr', me)).version).toBe(1);
  });

  // At a load of 25 a turn took a second: five looks in five seconds, and another process writes half of the time.
  it('does not count the time in which its own process had no turn', async () => {
    const path = freshPath();
    using store = createSqliteStore<Context>({ path, busyTimeoutMs: 300 });
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    const saving = store.saveThread(thread, me);
    for (let turn = 0; turn < 3; turn += 1) {
      for (const end = performance.now() + 320; performance.now() < end; );
      await new Promise((done) => setTimeout(done, 10));
    }
    other.exec('COMMIT');
    expect(await saving).toBe(1);
    other.close();
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
    const steps = after.prepare('SELECT step FROM chatkit_migration').all();
    expect(steps.length).toBeGreaterThan(1);
    expect(steps).toEqual(steps.map((_, at) => ({ step: at + 1 })));
    after.close();
    for (const none of ['', ':memory:', 'file:x?mode=memory'])
      expect(() => createSqliteStore({ path: none })).toThrow('for a store in memory, use createMemoryStore');
    for (const none of [{}, 'chat.db']) {
      expect(() => createSqliteStore(none as { path: string })).toThrow("needs a file: { path: 'chat.db' }");
    }
    const lost = '/not/here/chat.db';
    expect(() => createSqliteStore({ path: lost })).toThrow(`cannot create ${lost}: its folder does not exist`);
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
