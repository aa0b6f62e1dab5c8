/**
 * A thread that the Python SDK wrote goes on here: its rows are put into a store as they are, nulls, naive times and all,
 * and our server lists it, answers in it and retries in it.
 */
import { isHiddenItem, type Store, type ThreadItem, type ThreadMetadata } from '@chatkit/core';
import { createChatKitServer } from '@chatkit/server';
import { createMemoryStore } from '@chatkit/store/memory';
import { describe, expect, it } from 'vitest';
import { type Json, readJson } from './scenario.ts';

const rows =
  readJson<Record<'threads' | 'items' | 'attachments', { row: Json; wire: string }[]>>('fixtures/python-rows.json');

const open = async () => {
  const store: Store = createMemoryStore();
  for (const { row } of rows.threads) await store.saveThread(row as unknown as ThreadMetadata, 'ada');
  for (const { row } of rows.items) await store.saveItem('thr_1', row as unknown as ThreadItem, 'ada');
  const server = createChatKitServer({
    store,
    async *respond(thread) {
      thread.metadata = { ...thread.metadata, seen: true };
      yield { type: 'progress_update', text: 'Thinking' };
    },
  });
  const send = async (type: string, params: Json): Promise<string> => {
    const body = JSON.stringify({ type, params });
    const response = await server.handle(new Request('http://localhost/', { method: 'POST', body, headers }), 'ada');
    expect(response.status).toBe(200);
    return response.text();
  };
  return { store, send };
};
const headers = { 'content-type': 'application/json' };

/** The text of an entry of a page, from the text of the page. */
const entriesOf = (page: string): Map<string, string> =>
  new Map((JSON.parse(page) as { data: { id: string }[] }).data.map((entry) => [entry.id, JSON.stringify(entry)]));

describe('rows of the Python SDK, as they are', () => {
  it('are listed as the SDK lists them, without what is hidden', async () => {
    const { send } = await open();
    const visible = rows.items.filter(({ row }) => !isHiddenItem(row as unknown as ThreadItem));
    const items = entriesOf(await send('items.list', { thread_id: 'thr_1', limit: 100 }));
    expect(items).toEqual(new Map(visible.map(({ row, wire }) => [row['id'], wire])));
    const threads = entriesOf(await send('threads.list', {}));
    expect(threads).toEqual(new Map(rows.threads.map(({ row, wire }) => [row['id'], wire])));
  });

  it('are answered: a thread without a title has none afterwards', async () => {
    const { send, store } = await open();
    const input = { content: [{ type: 'input_text', text: 'Go on' }], attachments: [], inference_options: {} };
    const stream = await send('threads.add_user_message', { thread_id: 'thr_1', input });
    const events = stream.split('\n\n').flatMap((frame) => (frame === '' ? [] : [JSON.parse(frame.slice(6))]));
    expect(events.map(({ type }) => type)).toEqual([
      'thread.item.done',
      'stream_options',
      'progress_update',
      'thread.updated',
    ]);
    const { wire } = rows.threads.find(({ row }) => row['id'] === 'thr_1') as { wire: string };
    expect(JSON.stringify(events[3].thread)).toBe(wire);
    expect((await store.loadThread('thr_1', 'ada')).thread.metadata).toEqual({ seen: true });
  });

  it('are retried', async () => {
    const { send } = await open();
    await send('threads.retry_after_item', { thread_id: 'thr_1', item_id: 'u1' });
    const left = [...entriesOf(await send('items.list', { thread_id: 'thr_1', order: 'asc', limit: 100 })).keys()];
    expect(left.at(-1)).toBe('u1');
  });
});
