import type { Thread } from '@chatkit/core';
import { describe, expect, it } from 'vitest';
import { type ChatClient, type ChatSnapshot, createThreadList } from '../src/index.ts';

const threadOf = (id: string, title = id): Thread => ({
  id,
  title,
  created_at: '2026-01-01T00:00:00Z',
  status: { type: 'active' },
  metadata: {},
  items: { data: [], has_more: false },
});

/** A server with three threads whose answers the test gives, and a chat that shows what the test says. */
const start = async () => {
  const listeners = new Set<() => void>();
  let shown: Thread | undefined;
  let answer!: { ok(): void; fail(): void };
  const asked = <T>(value: T) =>
    new Promise<T>((resolve, reject) => {
      answer = { ok: () => resolve(value), fail: () => reject(new TypeError('no network')) };
    });
  const threads = ['thr_3', 'thr_2', 'thr_1'].map((id) => threadOf(id));
  const client: Pick<ChatClient, 'getSnapshot' | 'subscribe' | 'listThreads' | 'renameThread' | 'deleteThread'> = {
    getSnapshot: () => ({ thread: shown }) as ChatSnapshot,
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    listThreads: async () => ({ data: threads, has_more: false }),
    renameThread: (id, title) => asked(threadOf(id, title)),
    deleteThread: () => asked(undefined),
  };
  const list = createThreadList(client as ChatClient);
  list.subscribe(() => {});
  await list.refresh();
  return {
    list,
    titles: () => list.getSnapshot().threads.map(({ title }) => title),
    answer: () => answer,
    /** The chat shows this, as of now. */
    show(thread: Thread | undefined) {
      shown = thread;
      for (const listener of listeners) listener();
    },
  };
};

describe('a thread that is being removed', () => {
  it('stays away while the chat that shows it goes on', async () => {
    const { list, titles, answer, show } = await start();
    show(threadOf('thr_2'));
    const removing = list.remove('thr_2');
    show(threadOf('thr_2', 'An answer named it'));
    expect(titles()).toEqual(['thr_3', 'thr_1']);
    show(undefined);
    answer().ok();
    await removing;
    expect(titles()).toEqual(['thr_3', 'thr_1']);
  });

  it('stays away from a list that is loaded meanwhile', async () => {
    const { list, titles, answer } = await start();
    const removing = list.remove('thr_2');
    await list.refresh();
    expect(titles()).toEqual(['thr_3', 'thr_1']);
    answer().ok();
    await removing;
    expect(titles()).toEqual(['thr_3', 'thr_1']);
  });

  it('comes back alone when it cannot be: what came meanwhile stays', async () => {
    const { list, titles, answer, show } = await start();
    const removing = list.remove('thr_2');
    show(threadOf('thr_4'));
    answer().fail();
    await expect(removing).rejects.toThrow();
    expect(titles()).toEqual(['thr_4', 'thr_3', 'thr_2', 'thr_1']);
    expect(list.getSnapshot().error).toMatchObject({ code: 'transport.network', retryable: true });
  });
});

describe('a thread that is being renamed', () => {
  it('keeps its new title while the chat that shows it goes on', async () => {
    const { list, titles, answer, show } = await start();
    const renaming = list.rename('thr_2', 'Named');
    show(threadOf('thr_2'));
    expect(titles()).toEqual(['thr_3', 'Named', 'thr_1']);
    answer().ok();
    await renaming;
    expect(titles()).toEqual(['thr_3', 'Named', 'thr_1']);
  });

  it('has the last of two titles', async () => {
    const { list, titles, answer } = await start();
    const first = list.rename('thr_2', 'One');
    const answerFirst = answer();
    const second = list.rename('thr_2', 'Two');
    answerFirst.fail();
    await expect(first).rejects.toThrow();
    expect(titles()).toEqual(['thr_3', 'Two', 'thr_1']);
    answer().ok();
    await second;
    expect(titles()).toEqual(['thr_3', 'Two', 'thr_1']);
  });
});
