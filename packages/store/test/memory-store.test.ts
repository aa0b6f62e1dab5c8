import { createMemoryStore } from '@chatkit/store/memory';
import { describeStore } from '@chatkit/testing/conformance';
import { describe, expect, it } from 'vitest';

describeStore('createMemoryStore', () => createMemoryStore<{ userId: string }>(), { runs: 300 });

const thread = { id: 'thr', created_at: '2026-01-01T00:00:00Z', status: { type: 'active' as const }, metadata: {} };

describe('whose context it is', () => {
  it('by default: a text, an object with userId, or nobody at all', async () => {
    const store = createMemoryStore();
    for (const context of ['ada', { userId: 'bob' }, undefined]) {
      await store.saveThread({ ...thread, title: JSON.stringify(context) ?? 'nobody' }, context);
    }
    expect((await store.loadThread('thr', { userId: 'ada', extra: 1 })).thread.title).toBe('"ada"');
    expect((await store.loadThread('thr', null)).thread.title).toBe('nobody');
  });

  it('refuses a context that names nobody, rather than sharing', async () => {
    const store = createMemoryStore();
    for (const context of [{}, { user: { id: 'ada' } }, '', { userId: '' }, { userId: 7 }, { userId: 'a\0b' }, 7])
      await expect(store.saveThread(thread, context)).rejects.toMatchObject({ code: 'internal' });
    const forgetful = createMemoryStore<{ user?: { id: string } }>({ userOf: (context) => context.user?.id as string });
    await expect(forgetful.listThreads({ limit: 1, order: 'asc' }, {})).rejects.toMatchObject({ code: 'internal' });
  });
});

describe('the end of a transaction', () => {
  it('ends its store, too', async () => {
    const store = createMemoryStore();
    const leaked = await store.transaction(async (tx) => tx, 'ada');
    await expect(leaked.saveThread(thread, 'ada')).rejects.toMatchObject({ code: 'internal' });
  });

  it('waits for writes that the work did not wait for', async () => {
    const store = createMemoryStore();
    await store.transaction(async (tx) => void tx.saveThread(thread, 'ada'), 'ada');
    expect((await store.loadThread('thr', 'ada')).version).toBe(1);
  });
});
