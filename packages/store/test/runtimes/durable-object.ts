/** The store and the log of a Durable Object in workerd: the whole kits, and what is beyond them. Run inside an object that has SQLite. */
import { isChatKitError, type LogEntry, type Store, textDelta } from '@chatkit/core';
import {
  createDurableObjectLog,
  createDurableObjectStore,
  type DurableObjectStorageLike,
} from '@chatkit/store/durable-object';
import { createMemoryStore } from '@chatkit/store/memory';
import { collect } from '@chatkit/stream';
import { macrotask } from '@chatkit/stream/engine';
import { describeStore, describeStreamLog } from '@chatkit/testing/conformance';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runAll } from '../../../../test/runtimes/mini-test.ts';
import { describeObjectLease } from './durable-object-lease.ts';

type Context = { userId: string };

/** What an object has beyond what the store needs. */
interface Storage extends DurableObjectStorageLike {
  deleteAll(): Promise<void>;
}

let storage: Storage;
let withoutSql: () => Promise<string>;

/** Runs all tests on `given`. `refused` asks an object without SQLite what the store says there. */
export const runIn = (given: Storage, refused: () => Promise<string>) => {
  storage = given;
  withoutSql = refused;
  return runAll();
};

/** What a store says to a storage that it cannot use. */
export const refusalOf = (given: unknown): string => {
  try {
    createDurableObjectStore({ storage: given as Storage });
    return 'nothing';
  } catch (error) {
    return String(error);
  }
};

const open = (over: DurableObjectStorageLike = storage) => createDurableObjectStore<Context>({ storage: over });
let users = 0;
const someone = (): Context => ({ userId: `someone${++users}` });
const rows = (text: string, ...values: (string | number)[]) => storage.sql.exec(text, ...values).toArray();
const asc = { limit: 50, order: 'asc' } as const;

const threadOf = (id: string, title = '') => ({
  id,
  title,
  created_at: '2026-01-01T00:00:00Z',
  status: { type: 'active' as const },
  metadata: {},
});
const itemOf = (thread_id: string, id: string, content: unknown = id) => ({
  type: 'hidden_context_item' as const,
  id,
  thread_id,
  created_at: '2026-01-01T00:00:00Z',
  content,
});

describeStore('createDurableObjectStore', () => open(), { runs: 100 });
describeObjectLease(() => storage);

/** What a transaction does, or a part of it that may be undone. Few ids, so that everything meets. */
type Step =
  | { readonly do: 'saveThread' | 'saveItem' | 'deleteThread' | 'deleteItem' | 'read'; readonly n: number }
  | { readonly do: 'saveIf'; readonly n: number; readonly version: number }
  | { readonly do: 'part'; readonly steps: readonly Step[]; readonly isUndone: boolean };

const few = fc.nat({ max: 2 });
const { steps: someSteps } = fc.letrec<{ step: Step; steps: readonly Step[] }>((tie) => ({
  steps: fc.array(tie('step'), { maxLength: 6 }),
  step: fc.oneof(
    { maxDepth: 3 },
    fc.record({
      do: fc.constantFrom('saveThread', 'saveItem', 'saveItem', 'deleteThread', 'deleteItem', 'read'),
      n: few,
    }) as fc.Arbitrary<Step>,
    fc.record({ do: fc.constant('saveIf' as const), n: few, version: few }),
    fc.record({ do: fc.constant('part' as const), steps: tie('steps'), isUndone: fc.boolean() }),
  ),
}));

/** Does the steps, and tells what each has answered. */
const perform = async (store: Store<Context>, steps: readonly Step[], me: Context, told: unknown[]): Promise<void> => {
  const tell = async (answer: Promise<unknown>): Promise<void> => {
    told.push(await answer.catch((error) => (isChatKitError(error) ? error.code : String(error))));
  };
  for (const step of steps) {
    if (step.do === 'part') {
      const part = store.transaction(async (inner) => {
        await perform(inner, step.steps, me, told);
        if (step.isUndone) throw new Error('undone');
      }, me);
      await tell(part);
      continue;
    }
    const id = `t${step.n}`;
    if (step.do === 'saveThread') await tell(store.saveThread(threadOf(id, `${told.length}`), me));
    else if (step.do === 'saveIf') await tell(store.saveThread(threadOf(id), me, { ifVersion: step.version }));
    else if (step.do === 'saveItem') await tell(store.saveItem(id, itemOf(id, 'i', told.length), me));
    else if (step.do === 'deleteThread') await tell(store.deleteThread(id, me));
    else if (step.do === 'deleteItem') await tell(store.deleteItem(id, 'i', me));
    else await tell(contentOf(store, me));
  }
};

const contentOf = async (store: Store<Context>, me: Context): Promise<unknown> => {
  const threads = (await store.listThreads(asc, me)).data;
  return Promise.all(threads.map(async (each) => [each, (await store.listItems(each.id, asc, me)).data]));
};

describe('createDurableObjectStore, beyond the contract', () => {
  const idsOf = async (me: Context) => (await open().listThreads(asc, me)).data.map(({ id }) => id);

  it('makes its tables once, beside those of the application', () => {
    rows('CREATE TABLE IF NOT EXISTS notes (text TEXT)');
    open();
    open();
    const steps = rows('SELECT step FROM chatkit_migration');
    expect(steps).toEqual(steps.map((_, at) => ({ step: at + 1 })));
    expect(steps.length > 1).toBe(true);
    expect(rows('SELECT * FROM notes')).toEqual([]);
  });

  it('lets two stores of one object write in one line', async () => {
    const me = someone();
    const [one, two] = [open(), open()];
    const versions = await Promise.all(
      [one, two].flatMap((store) =>
        Array.from({ length: 20 }, (_, n) =>
          n % 2 === 0
            ? store.saveThread(threadOf('thr'), me)
            : store.transaction((tx) => tx.saveThread(threadOf('thr'), me), me),
        ),
      ),
    );
    expect(new Set(versions).size).toBe(40);
  });

  it('finds a page by the index, not by a scan', () => {
    const plan = rows(
      `EXPLAIN QUERY PLAN SELECT id, body FROM chatkit_item WHERE user_id = ?1 AND thread_id = ?2
       AND (created_us, seq) < (?4, ?5) ORDER BY created_us DESC, seq DESC LIMIT ?3`,
      'u',
      't',
      20,
      1e15,
      5,
    );
    expect(plan.map((row) => row['detail'])).toEqual([
      'SEARCH chatkit_item USING INDEX chatkit_item_order (user_id=? AND thread_id=? AND (created_us,seq)<(?,?))',
    ]);
  });

  it('refuses a row that Cloudflare would not take, in words of its own, and takes one that fits', async () => {
    const me = someone();
    const store = open();
    const refusal = { code: 'event.too_large', retryable: false };
    await store.saveThread(threadOf('fits', 'x'.repeat(1_999_000)), me);
    await expect(store.saveThread(threadOf('large', 'x'.repeat(2_000_000)), me)).rejects.toMatchObject(refusal);
    // 700,000 characters, which are 2.1 MB.
    const wide = '漢'.repeat(700_000);
    await expect(store.saveItem('fits', itemOf('fits', 'i', wide), me)).rejects.toMatchObject(refusal);
    await expect(store.saveItem('fits', itemOf('fits', 'i', wide), me)).rejects.toThrow(/^A row of 21\d{5} bytes/);
    // The statement of an attachment has no answer and is put off to the end, but not its refusal.
    const attachment = { type: 'file' as const, id: 'f', name: wide, mime_type: 'text/plain' };
    const work = store.transaction(async (tx) => {
      await expect(tx.saveAttachment(attachment, me)).rejects.toMatchObject(refusal);
    }, me);
    await expect(work).rejects.toMatchObject(refusal);
    // What workerd itself refuses is refused in the same words, with what it said.
    const huge = store.saveThread(threadOf('huge', 'x'.repeat(40_000_000)), me);
    await expect(huge).rejects.toMatchObject(refusal);
    expect(await idsOf(me)).toEqual(['fits']);
    expect((await store.loadThread('fits', me)).thread.title).toHaveLength(1_999_000);
  });

  it('stores nothing of a transaction in which a row was refused, also when the work goes on', async () => {
    const me = someone();
    const work = open().transaction(async (tx) => {
      await tx.saveThread(threadOf('before'), me);
      await tx.saveThread(threadOf('large', 'x'.repeat(2_000_000)), me).catch(() => {});
      await tx.saveThread(threadOf('after'), me).catch(() => {});
    }, me);
    await expect(work).rejects.toMatchObject({ code: 'event.too_large' });
    expect(await idsOf(me)).toEqual([]);
    await open().transaction(async (tx) => {
      await tx.saveThread(threadOf('before'), me);
      const inner = tx.transaction((each) => each.saveThread(threadOf('large', 'x'.repeat(2_000_000)), me), me);
      await expect(inner).rejects.toMatchObject({ code: 'event.too_large' });
      await tx.saveThread(threadOf('after'), me);
    }, me);
    expect(await idsOf(me)).toEqual(['before', 'after']);
  });

  it('lets the object go on during a transaction, and undoes nothing of the application with it', async () => {
    const me = someone();
    const work = open().transaction(async (tx) => {
      await tx.saveThread(threadOf('thr'), me);
      await new Promise<void>(macrotask);
      rows('INSERT INTO notes (text) VALUES (?)', 'kept');
      expect(rows('SELECT count(*) AS n FROM chatkit_thread WHERE user_id = ?', me.userId)).toEqual([{ n: 0 }]);
      await tx.saveItem('thr', itemOf('thr', 'i'), me);
      throw new Error('undo');
    }, me);
    await expect(work).rejects.toThrow('undo');
    expect(rows('SELECT text FROM notes')).toEqual([{ text: 'kept' }]);
    expect(await idsOf(me)).toEqual([]);
  });

  it('nests as deep as one likes, and forgets what an inner one wrote with the outer one', async () => {
    const me = someone();
    await open().transaction(async (a) => {
      await a.saveThread(threadOf('a'), me);
      const b = a.transaction(async (inner) => {
        await inner.saveThread(threadOf('b'), me);
        await inner.transaction((c) => c.saveThread(threadOf('c'), me), me);
        expect((await inner.listThreads(asc, me)).data).toHaveLength(3);
        throw new Error('undo b');
      }, me);
      await expect(b).rejects.toThrow('undo b');
      expect((await a.listThreads(asc, me)).data).toHaveLength(1);
      await a.deleteThread('a', me);
      await a.saveThread(threadOf('d'), me);
    }, me);
    expect(await idsOf(me)).toEqual(['d']);
  });

  it('answers a write by what the transaction has done to its thread', async () => {
    const [me, you] = [someone(), someone()];
    await open().saveThread(threadOf('old'), me);
    await open().transaction(async (tx) => {
      expect(await tx.saveThread(threadOf('old'), me, { ifVersion: 1 })).toBe(2);
      expect(await tx.saveThread(threadOf('new'), me, { ifVersion: 0 })).toBe(1);
      expect(await tx.saveThread(threadOf('old'), you)).toBe(1);
      expect(await tx.saveThread(threadOf('old'), me)).toBe(3);
      await expect(tx.saveThread(threadOf('new'), me, { ifVersion: 0 })).rejects.toMatchObject({
        code: 'thread.conflict',
      });
      await tx.saveItem('new', itemOf('new', 'i'), me);
      await tx.deleteThread('new', me);
      await expect(tx.saveItem('new', itemOf('new', 'i'), me)).rejects.toMatchObject({ code: 'thread.not_found' });
      expect(await tx.saveThread(threadOf('new'), me, { ifVersion: 0 })).toBe(1);
    }, me);
    expect((await open().loadThread('old', me)).version).toBe(3);
    expect((await open().listItems('new', asc, me)).data).toEqual([]);
  });

  it('agrees with the store in memory on every transaction, and shows nothing of it before', async () => {
    await fc.assert(
      fc.asyncProperty(someSteps, someSteps, fc.boolean(), async (before, steps, isUndone) => {
        const me = someone();
        const outcomes = await Promise.all(
          [open(), createMemoryStore<Context>()].map(async (store) => {
            const told: unknown[] = [];
            await perform(store, before, me, told);
            const old = await contentOf(store, me);
            const work = store.transaction(async (tx) => {
              await perform(tx, steps, me, told);
              expect(await contentOf(store, me)).toEqual(old);
              if (isUndone) throw new Error('undone');
            }, me);
            told.push(await work.catch(String), await contentOf(store, me));
            return told;
          }),
        );
        expect(outcomes[0]).toEqual(outcomes[1]);
      }),
      { numRuns: 100 },
    );
  });

  it('plays the writes of a transaction twice, not once for each', async () => {
    const me = someone();
    let statements = 0;
    const counted = open({
      sql: {
        exec(text, ...values) {
          statements += 1;
          return storage.sql.exec(text, ...values);
        },
      },
      transactionSync: (work) => storage.transactionSync(work),
    });
    statements = 0;
    await counted.transaction(async (tx) => {
      await tx.saveThread(threadOf('thr'), me);
      for (let n = 0; n < 50; n += 1) await tx.saveItem('thr', itemOf('thr', `i${n}`), me);
      for (let n = 0; n < 50; n += 1) await tx.deleteItem('thr', `i${n}`, me);
    }, me);
    // The thread alone is played for each item; a deletion runs at the end.
    expect(statements).toBe(1 + 50 * 2 + 101);
  });

  it('does not build on what somebody else has changed in its tables', async () => {
    const me = someone();
    await open().saveThread(threadOf('thr'), me);
    const work = open().transaction(async (tx) => {
      await tx.saveItem('thr', itemOf('thr', 'i'), me);
      rows('DELETE FROM chatkit_thread WHERE user_id = ?', me.userId);
      await tx.saveThread(threadOf('other'), me);
    }, me);
    await expect(work).rejects.toMatchObject({ code: 'internal', retryable: true });
    expect(await idsOf(me)).toEqual([]);
  });

  it('passes errors of the storage on, half stores nothing, and goes on behind them', async () => {
    let left = Number.POSITIVE_INFINITY;
    const failure = new Error('disk I/O error: SQLITE_IOERR');
    const faulty: DurableObjectStorageLike = {
      sql: {
        exec(text, ...values) {
          if (left-- <= 0) throw failure;
          return storage.sql.exec(text, ...values);
        },
      },
      transactionSync: (work) => storage.transactionSync(work),
    };
    const store = open(faulty);
    for (let statements = 0; ; statements += 1) {
      const me = someone();
      left = statements;
      const done = await store
        .transaction(async (tx) => {
          await tx.saveThread(threadOf('thr'), me);
          await tx.saveItem('thr', itemOf('thr', 'i'), me);
          await tx.deleteItem('thr', 'none', me);
        }, me)
        .then(
          () => true,
          (error) => {
            expect(error).toBe(failure);
            return false;
          },
        );
      left = Number.POSITIVE_INFINITY;
      expect(await idsOf(me)).toEqual(done ? ['thr'] : []);
      if (done) break;
      expect(statements).toBeLessThan(20);
    }
    const me = someone();
    left = 0;
    await expect(store.saveThread(threadOf('thr'), me)).rejects.toBe(failure);
    await expect(store.loadThread('thr', me)).rejects.toBe(failure);
    left = Number.POSITIVE_INFINITY;
    expect(await store.saveThread(threadOf('thr'), me)).toBe(1);
  });

  it('says what is missing when it is given no storage, or one without SQLite', async () => {
    for (const none of [undefined, null, {}, { storage }, { sql: {} }]) {
      expect(refusalOf(none)).toBe(
        'TypeError: createDurableObjectStore needs the storage of the object: { storage: ctx.storage }.',
      );
    }
    expect((await withoutSql()).includes('new_sqlite_classes')).toBe(true);
  });

  it('is empty after deleteAll, and goes on', async () => {
    const me = someone();
    const store = open();
    await store.saveThread(threadOf('thr'), me);
    await storage.deleteAll();
    expect(await idsOf(me)).toEqual([]);
    await storage.deleteAll();
    expect(await store.saveThread(threadOf('thr'), me)).toBe(1);
    await storage.deleteAll();
    await store.transaction(async (tx) => {
      await tx.saveThread(threadOf('thr'), me);
      await tx.saveItem('thr', itemOf('thr', 'i'), me);
    }, me);
    expect(await store.loadItem('thr', 'i', me)).toEqual(itemOf('thr', 'i'));
  });
});

const openLog = (options: { maxBytesPerRun?: number } = {}, over: DurableObjectStorageLike = storage) =>
  createDurableObjectLog({ storage: over, flushMs: 5, unreachableMs: 500, ...options });
const entry = (seq: number, text = `${seq}`): LogEntry => ({ offset: `1-${seq}`, event: textDelta('a', text) });
const end = (seq: number): LogEntry => ({ offset: `1-${seq}`, end: 'completed' });
const kept = (runId: string) => collect(openLog().read(runId));

describeStreamLog('createDurableObjectLog', () => openLog(), {
  createSmallLog: () => openLog({ maxBytesPerRun: 20_000 }),
  hasRows: true,
});

describe('createDurableObjectLog, beyond the contract', () => {
  it('takes an event of two megabytes, and refuses what would not fit when it is deployed', async () => {
    const log = openLog();
    await log.create('large');
    const wide = { offset: '1-3', event: { type: 'progress_update' as const, text: '漢'.repeat(700_000) } };
    for (const large of [entry(3, 'x'.repeat(2_000_000)), entry(3, '\0'.repeat(400_000)), wide])
      await expect((async () => log.append('large', [large]))()).rejects.toMatchObject({ code: 'event.too_large' });
    const fits = [entry(1, 'x'.repeat(1_999_000)), entry(2, '漢'.repeat(600_000)), end(3)];
    await log.append('large', fits);
    expect(await kept('large')).toEqual(fits);
  });

  it('is read by a new object as far as it was written, and ended by it', async () => {
    const log = openLog();
    await log.create('evicted');
    log.append('evicted', [entry(1), entry(2)]);
    await log.close();
    const next = openLog();
    await next.create('evicted');
    await next.append('evicted', [{ offset: '2-1', end: 'interrupted' }]);
    expect(await collect(next.read('evicted', { after: '1-1' }))).toEqual([
      entry(2),
      { offset: '2-1', end: 'interrupted' },
    ]);
  });

  it('tries a storage that fails again, and gives up in the end', async () => {
    let isFailing = false;
    const faulty: DurableObjectStorageLike = {
      sql: {
        exec(text, ...values) {
          if (isFailing) throw new Error('disk I/O error: SQLITE_IOERR');
          return storage.sql.exec(text, ...values);
        },
      },
      transactionSync: (work) => storage.transactionSync(work),
    };
    const log = openLog({}, faulty);
    await log.create('fails');
    await log.create('recovers');
    isFailing = true;
    const ended = log.append('fails', [entry(1), end(2)]);
    await expect(log.create('new')).rejects.toThrow('SQLITE_IOERR');
    await expect(ended).rejects.toMatchObject({ code: 'internal', retryable: true });
    const late = log.append('recovers', [entry(1), end(2)]);
    isFailing = false;
    await late;
    expect(await kept('recovers')).toEqual([entry(1), end(2)]);
  });

  it('ends runs with deleteAll, and goes on', async () => {
    const log = openLog();
    await log.create('gone');
    const reading = collect(log.read('gone'));
    await storage.deleteAll();
    log.append('gone', [entry(1)]);
    await expect(reading).rejects.toMatchObject({ code: 'log.expired' });
    await log.create('new');
    await log.append('new', [end(1)]);
    expect(await kept('new')).toEqual([end(1)]);
  });
});
