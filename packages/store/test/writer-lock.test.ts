import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '@chatkit/core';
import { createMemoryStore } from '@chatkit/store/memory';
import { createSqliteStore } from '@chatkit/store/sqlite';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createWriterLock } from '../src/shared/writer-lock.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());
const never = () => new Promise<never>(() => {});

describe('createWriterLock', () => {
  it('runs one after another, in order, also behind one that fails', async () => {
    const lock = createWriterLock();
    const told: string[] = [];
    const tell = (name: string) => async () => {
      told.push(`${name} begins`);
      await Promise.resolve();
      told.push(`${name} ends`);
      if (name === 'b') throw new Error(name);
      return name;
    };
    const outcomes = await Promise.allSettled([
      lock.run(tell('a')),
      lock.run(tell('b')),
      lock.run(tell('c')),
      lock.settled(),
    ]);
    expect(told).toEqual(['a', 'b', 'c'].flatMap((name) => [`${name} begins`, `${name} ends`]));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(vi.getTimerCount()).toBe(0);
    expect(await lock.run(() => 'd')).toBe('d');
  });

  it('lets nobody wait for ever, and does not do what was given up', async () => {
    const lock = createWriterLock(1_000);
    let letGo = () => {};
    const first = lock.run(
      () =>
        new Promise<void>((done) => {
          letGo = done;
        }),
    );
    const work = vi.fn(() => 'late');
    const second = lock.run(work);
    const told = expect(second).rejects.toMatchObject({ code: 'internal', retryable: true });
    await vi.advanceTimersByTimeAsync(1_000);
    await told;
    letGo();
    await first;
    await lock.settled();
    expect(work).not.toHaveBeenCalled();
    expect(await lock.run(() => 'next')).toBe('next');
  });
});

const folder = mkdtempSync(join(tmpdir(), 'chatkit-writer-lock-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const stores: Record<string, () => Store<string>> = {
  memory: () => createMemoryStore<string>(),
  SQLite: () => createSqliteStore<string>({ path: join(folder, `${++files}.db`) }),
};
const threadOf = (id: string) => ({
  id,
  created_at: '2026-01-01T00:00:00Z',
  status: { type: 'active' as const },
  metadata: {},
});

describe.each(Object.entries(stores))('the store in %s', (_, create) => {
  it('undoes a transaction that waits for itself, and goes on', async () => {
    const store = create();
    const outcome = store.transaction(async (tx) => {
      await tx.saveThread(threadOf('half'), 'ada');
      await store.saveThread(threadOf('outer'), 'ada');
    }, 'ada');
    const told = expect(outcome).rejects.toThrow(/use the store that work is given/);
    await vi.advanceTimersByTimeAsync(30_000);
    await told;
    const nested = store.transaction(
      (tx) => tx.transaction(() => tx.saveThread(threadOf('half'), 'ada'), 'ada'),
      'ada',
    );
    const toldAgain = expect(nested).rejects.toThrow(/use the store that work is given/);
    await vi.advanceTimersByTimeAsync(30_000);
    await toldAgain;
    expect((await store.listThreads({ limit: 5, order: 'asc' }, 'ada')).data).toEqual([]);
    expect(await store.saveThread(threadOf('next'), 'ada')).toBe(1);
    (store as Partial<Disposable>)[Symbol.dispose]?.();
  });

  it('tells those who wait behind work that never ends', async () => {
    const store = create();
    void store.transaction(never, 'ada');
    const told = expect(store.saveThread(threadOf('a'), 'ada')).rejects.toMatchObject({ retryable: true });
    await vi.advanceTimersByTimeAsync(30_000);
    await told;
    (store as Partial<Disposable>)[Symbol.dispose]?.();
  });
});
