// The requests that answer with JSON: threads, items, feedback, attachments, dictation.
import {
  type Attachment,
  type AttachmentStore,
  assistantMessage,
  ChatKitError,
  type ChatKitRequestInput,
  hiddenContext,
  itemDone,
  progressUpdate,
  type ThreadItem,
} from '@chatkit/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { visibleItems } from '../src/requests/paging.ts';
import { ada, add, create, eve, testServer, type User } from './support.ts';

describe('threads', () => {
  test('25 threads come as 20, newest first, and 5', async () => {
    const t = testServer();
    const ids: string[] = [];
    for (let i = 0; i < 25; i += 1) ids.push(await t.create(`message ${i}`));
    const first = await t.json({ type: 'threads.list', params: {} });
    expect(first.data.map(({ id }: { id: string }) => id)).toEqual(ids.toReversed().slice(0, 20));
    expect(first).toMatchObject({ has_more: true, after: ids[5] });
    expect(first.data[0].items).toEqual({ data: [], has_more: false });
    const second = await t.json({ type: 'threads.list', params: { after: first.after, limit: 0 } });
    expect(second.data.map(({ id }: { id: string }) => id)).toEqual(ids.toReversed().slice(20));
    expect(second.has_more).toBe(false);
    expect(second).not.toHaveProperty('after');
  });

  test('a page has 100 entries at most', async () => {
    const t = testServer();
    for (let i = 0; i < 105; i += 1) await t.create();
    expect((await t.json({ type: 'threads.list', params: { limit: 1_000_000 } })).data).toHaveLength(100);
  });

  test('get_by_id gives the first 20 items, oldest first', async () => {
    const t = testServer();
    const id = await t.create('message 0');
    for (let i = 1; i < 25; i += 1) await t.events(add(id, `message ${i}`));
    const thread = await t.json({ type: 'threads.get_by_id', params: { thread_id: id } });
    expect(thread.items.data.map((item: { content: { text: string }[] }) => item.content[0]?.text)).toEqual(
      Array.from({ length: 20 }, (_, i) => `message ${i}`),
    );
    expect(thread.items.has_more).toBe(true);
    expect(thread.metadata).toEqual({});
  });

  test('get_by_id works after the thread was saved in the middle of its first stream', async () => {
    const t = testServer({
      async *respond(thread) {
        thread.title = 'T';
        yield itemDone(assistantMessage({ thread_id: thread.id, text: 'x' }));
      },
    });
    const id = await t.create();
    expect(await t.json({ type: 'threads.get_by_id', params: { thread_id: id } })).toMatchObject({
      title: 'T',
      items: { data: [{}, {}] },
    });
  });

  test('update sets the title and answers with the thread, without items', async () => {
    const t = testServer();
    const id = await t.create();
    const thread = await t.json({ type: 'threads.update', params: { thread_id: id, title: 'New' } });
    expect(thread).toMatchObject({ status: expect.anything(), id, title: 'New', items: { data: [], has_more: false } });
  });

  test('delete answers {} and the thread is gone with its items', async () => {
    const t = testServer();
    const id = await t.create();
    expect(await t.json({ type: 'threads.delete', params: { thread_id: id } })).toEqual({ status: 200 });
    expect(await t.json({ type: 'threads.get_by_id', params: { thread_id: id } })).toMatchObject({
      status: 404,
      error: { code: 'thread.not_found' },
    });
    expect(await t.json({ type: 'threads.delete', params: { thread_id: id } })).toEqual({ status: 200 });
  });

  test.each([
    ['threads.get_by_id', {}],
    ['threads.update', { title: 'mine' }],
    ['items.list', {}],
    ['items.feedback', { item_ids: ['x'], kind: 'positive' }],
    ['threads.sync_custom_action', { action: { type: 'x' } }],
    ['threads.custom_action', { action: { type: 'x' } }],
    ['threads.add_client_tool_output', { result: 1 }],
    ['threads.retry_after_item', { item_id: 'x' }],
    ['threads.add_structured_input', { item_id: 'x', input: {} }],
  ])('%s on a thread of somebody else answers as on one that never was', async (type, params) => {
    const t = testServer();
    const id = await t.create();
    const ask = (thread_id: string) => t.json({ type, params: { ...params, thread_id } } as never, { context: eve });
    const [theirs, unknown] = [await ask(id), await ask('thr_none')];
    expect(theirs).toMatchObject({ status: 404, error: { code: 'thread.not_found' } });
    expect(JSON.stringify(theirs).replaceAll(id, 'X')).toBe(JSON.stringify(unknown).replaceAll('thr_none', 'X'));
  });

  test('deleting a thread of somebody else does nothing', async () => {
    const t = testServer();
    const id = await t.create();
    expect(await t.json({ type: 'threads.delete', params: { thread_id: id } }, { context: eve })).toEqual({
      status: 200,
    });
    expect((await t.store.loadThread(id, ada)).thread.id).toBe(id);
  });
});

describe('items.list', () => {
  /** A store with one thread, and whether each of its items is hidden. */
  const storeOf = async (hidden: readonly boolean[]) => {
    const { store } = testServer();
    const created_at = '2026-01-01T00:00:00Z';
    await store.saveThread({ id: 'thr', created_at, status: { type: 'active' }, metadata: {} }, ada);
    for (const [i, isHidden] of hidden.entries()) {
      const base = { thread_id: 'thr', id: `i${i}`, created_at };
      const item = isHidden ? hiddenContext({ ...base, content: i }) : assistantMessage({ ...base, text: `${i}` });
      await store.saveItem('thr', item, ada);
    }
    return store;
  };

  test('26 items come as 20, newest first, and 6', async () => {
    const t = testServer();
    const id = await t.create('message 0');
    for (let i = 1; i < 26; i += 1) await t.events(add(id, `message ${i}`));
    const first = await t.json({ type: 'items.list', params: { thread_id: id } });
    expect(first.data).toHaveLength(20);
    expect(first.data[0].content[0].text).toBe('message 25');
    const second = await t.json({ type: 'items.list', params: { thread_id: id, after: first.after } });
    expect(second.data).toHaveLength(6);
    expect(second.has_more).toBe(false);
  });

  test('a hidden item that is deleted while a page is put together does not make it fail', async () => {
    const { json, store, create } = testServer();
    const id = await create('message');
    const at = { thread_id: id, created_at: new Date().toISOString() };
    for (let i = 0; i < 5; i += 1) await store.saveItem(id, hiddenContext({ ...at, id: `h${i}`, content: i }), ada);
    const { listItems } = store;
    store.listItems = async (threadId, page, context) => {
      const found = await listItems(threadId, page, context);
      // As by a second request that has the message answered again.
      if (page.after === undefined) for (const item of found.data) await store.deleteItem(threadId, item.id, context);
      return found;
    };
    const list = await json({ type: 'items.list', params: { thread_id: id, limit: 2 } });
    expect(list).toMatchObject({ status: 200, data: [{ type: 'user_message' }], has_more: false });
    expect(await json({ type: 'items.list', params: { thread_id: id, after: 'h4' } })).toMatchObject({ status: 404 });
  });

  test('whatever is deleted while a page is put together, it has no item twice and none that was hidden', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { maxLength: 20 }),
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.nat(19), { maxLength: 4 }),
        async (hidden, limit, deleted) => {
          const store = await storeOf(hidden);
          const { listItems } = store;
          const deletions = deleted.values();
          store.listItems = async (...of) => {
            const page = await listItems(...of);
            const { value } = deletions.next();
            if (value !== undefined) await store.deleteItem('thr', `i${value}`, ada);
            return page;
          };
          const { data } = await visibleItems(store, 'thr', { limit, order: 'asc' }, ada);
          const ids = data.map(({ id }) => id);
          const all = hidden.flatMap((isHidden, i) => (isHidden ? [] : [`i${i}`]));
          expect(ids).toEqual(all.filter((id) => ids.includes(id)));
          const left = all.filter((id) => !deleted.some((n) => id === `i${n}`));
          expect(ids.length).toBeGreaterThanOrEqual(Math.min(limit, left.length));
        },
      ),
      { examples: [[[false, true, false], 1, [1, 1]]] },
    );
  });

  test.each<[string, Error, number]>([
    ['fails', new Error('no connection'), 2],
    ['always says that the item before the next page is gone', new ChatKitError('item.not_found', 'Gone.'), 10],
  ])('a store that %s is not asked for ever', async (_, error, calls) => {
    const store = await storeOf([true, true, true, true]);
    const { listItems } = store;
    let asked = 0;
    store.listItems = (threadId, page, context) => {
      asked += 1;
      return page.after === undefined ? listItems(threadId, page, context) : Promise.reject(error);
    };
    await expect(visibleItems(store, 'thr', { limit: 1, order: 'asc' }, ada)).rejects.toBe(error);
    expect(asked).toBe(calls);
  });

  test('pages are full, and joined they are exactly the visible items, whatever is hidden between them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { maxLength: 40 }),
        fc.integer({ min: 1, max: 7 }),
        fc.constantFrom('asc' as const, 'desc' as const),
        async (hidden, limit, order) => {
          const store = await storeOf(hidden);
          const expected = hidden.flatMap((isHidden, i) => (isHidden ? [] : [`i${i}`]));
          if (order === 'desc') expected.reverse();
          const found: string[] = [];
          for (let after: string | undefined; ; ) {
            const page = await visibleItems(store, 'thr', { limit, order, after }, ada);
            found.push(...page.data.map((item: ThreadItem) => item.id));
            if (!page.has_more) break;
            expect(page.data).toHaveLength(limit);
            after = page.after;
          }
          expect(found).toEqual(expected);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('what is odd and valid', () => {
  /** A thread with a message, one with nothing, one with hidden items alone, and one that is gone. */
  const threads = async () => {
    const t = testServer();
    const id = await t.create('only');
    for (const name of ['empty', 'hidden']) {
      const thread = { id: name, created_at: '2026-01-01T00:00:00Z', metadata: {} };
      await t.store.saveThread({ ...thread, status: { type: 'active' } }, ada);
    }
    for (let i = 0; i < 3; i += 1)
      await t.store.saveItem('hidden', hiddenContext({ thread_id: 'hidden', id: `h${i}`, content: i }), ada);
    const gone = await t.create();
    await t.json({ type: 'threads.delete', params: { thread_id: gone } });
    return { t, id, gone, item: (await t.items(id))[0]?.id as string };
  };
  const nothing = { data: [], has_more: false };

  test('pages of a thread without anything to show', async () => {
    const { t } = await threads();
    for (const thread_id of ['empty', 'hidden']) {
      expect(await t.json({ type: 'threads.get_by_id', params: { thread_id } })).toMatchObject({ items: nothing });
      for (const limit of [0, 1, 2, 1e9])
        for (const order of ['asc', 'desc'] as const)
          expect(await t.json({ type: 'items.list', params: { thread_id, limit, order } })).toEqual({
            status: 200,
            ...nothing,
          });
    }
    expect(await t.json({ type: 'threads.list', params: {} }, { context: eve })).toEqual({ status: 200, ...nothing });
  });

  test('an item of another thread is not there, as a cursor, a sender, a message, a call or a question', async () => {
    const { t, item } = await threads();
    const thread_id = 'empty';
    const action = { type: 'press' };
    const inputs: ChatKitRequestInput[] = [
      { type: 'items.list', params: { thread_id, after: item } },
      { type: 'threads.custom_action', params: { thread_id, item_id: item, action } },
      { type: 'threads.sync_custom_action', params: { thread_id, item_id: item, action } },
      { type: 'threads.retry_after_item', params: { thread_id, item_id: item } },
      { type: 'threads.add_client_tool_output', params: { thread_id, item_id: item, result: null } },
      { type: 'threads.add_structured_input', params: { thread_id, item_id: item, input: { answers: {} } } },
    ];
    for (const request of inputs)
      expect(await t.json(request)).toMatchObject({ status: 404, error: { code: 'item.not_found' } });
    expect(await t.items(thread_id)).toEqual([]);
    expect(t.errors).toEqual([]);
  });

  test('a thread that was deleted is not there, and may be deleted again', async () => {
    const { t, gone: thread_id } = await threads();
    const item_id = 'any';
    const inputs: ChatKitRequestInput[] = [
      { type: 'threads.get_by_id', params: { thread_id } },
      { type: 'threads.update', params: { thread_id, title: 'T' } },
      { type: 'threads.list', params: { after: thread_id } },
      { type: 'items.list', params: { thread_id } },
      { type: 'items.feedback', params: { thread_id, item_ids: [item_id], kind: 'positive' } },
      add(thread_id),
      { type: 'threads.retry_after_item', params: { thread_id, item_id } },
      { type: 'threads.custom_action', params: { thread_id, action: { type: 'press' } } },
      { type: 'threads.sync_custom_action', params: { thread_id, action: { type: 'press' } } },
      { type: 'threads.add_client_tool_output', params: { thread_id, result: null } },
      { type: 'threads.add_structured_input', params: { thread_id, item_id, input: { answers: {} } } },
    ];
    for (const request of inputs)
      expect(await t.json(request)).toMatchObject({ status: 404, error: { code: 'thread.not_found' } });
    expect(await t.json({ type: 'threads.delete', params: { thread_id } })).toEqual({ status: 200 });
    expect(t.errors).toEqual([]);
  });

  test('a title and a message as large as a body may be', async () => {
    const { t, id } = await threads();
    const large = 'ü'.repeat(400_000);
    expect(await t.json({ type: 'threads.update', params: { thread_id: id, title: large } })).toMatchObject({
      title: large,
    });
    await t.events(add(id, large));
    expect((await t.items(id)).at(-1)).toMatchObject({ content: [{ text: large }] });
    expect(t.errors).toEqual([]);
  });
});

describe.each<[string, ChatKitRequestInput['type'], (thread_id: string) => object]>([
  ['addFeedback', 'items.feedback', (thread_id) => ({ thread_id, item_ids: ['any'], kind: 'positive' })],
  ['syncAction', 'threads.sync_custom_action', (thread_id) => ({ thread_id, action: { type: 'press' } })],
  ['transcribe', 'input.transcribe', () => ({ audio_base64: '', mime_type: 'audio/webm' })],
])('%s()', (hook, type, params) => {
  test.each<[string, unknown, object, readonly unknown[]]>([
    ['an error', new Error('secret'), { status: 500, error: { code: 'internal' } }, [new Error('secret')]],
    ['nothing', undefined, { status: 500, error: { code: 'internal' } }, [undefined]],
    [
      'an error for the client',
      new ChatKitError('request.forbidden', 'Not you.'),
      { status: 403, error: { code: 'request.forbidden', message: 'Not you.' } },
      [],
    ],
  ])(
    'that throws %s: the client is told what it may know, and the operator the rest',
    async (_, thrown, told, seen) => {
      const reported: unknown[] = [];
      const t = testServer({
        [hook]() {
          throw thrown;
        },
        onError: (error, info) => reported.push(error, info.requestType),
      });
      const answer = await t.json({ type, params: params(await t.create()) } as ChatKitRequestInput);
      expect(answer).toMatchObject(told);
      expect(JSON.stringify(answer)).not.toContain('secret');
      expect(reported).toEqual(seen.flatMap((error) => [error, type]));
    },
  );
});

test('feedback reaches the application with the context', async () => {
  const seen: unknown[] = [];
  const t = testServer({
    async addFeedback(feedback, context) {
      seen.push({ ...feedback, context });
    },
  });
  const id = await t.create();
  for (const kind of ['positive', 'negative'] as const) {
    expect(await t.json({ type: 'items.feedback', params: { thread_id: id, item_ids: ['a', 'b'], kind } })).toEqual({
      status: 200,
    });
  }
  expect(seen).toEqual([
    { threadId: id, itemIds: ['a', 'b'], kind: 'positive', context: ada },
    { threadId: id, itemIds: ['a', 'b'], kind: 'negative', context: ada },
  ]);
});

describe('attachments', () => {
  const attachmentStore = (deleted: string[] = []): AttachmentStore<User> => ({
    async createAttachment({ name, mime_type }) {
      const base = {
        id: 'atc_1',
        name,
        mime_type,
        upload_descriptor: { url: 'https://up.test/1', method: 'PUT' as const, headers: { 'x-a': 'b' } },
        metadata: { bucket: 'secret' },
      };
      return mime_type.startsWith('image/')
        ? { type: 'image', preview_url: 'https://up.test/p', ...base }
        : { type: 'file', ...base };
    },
    async deleteAttachment(id) {
      deleted.push(id);
    },
  });
  const ask = { type: 'attachments.create' as const, params: { name: 'n.txt', size: 3, mime_type: 'text/plain' } };

  test('a file gets an id and where to send its bytes; its metadata is stored and not sent', async () => {
    const t = testServer({ attachmentStore: attachmentStore() });
    expect(await t.json(ask)).toEqual({
      status: 200,
      id: 'atc_1',
      name: 'n.txt',
      mime_type: 'text/plain',
      upload_descriptor: { url: 'https://up.test/1', method: 'PUT', headers: { 'x-a': 'b' } },
      type: 'file',
    });
    expect((await t.store.loadAttachment('atc_1', ada)).metadata).toEqual({ bucket: 'secret' });
  });

  test('an image has a preview', async () => {
    const t = testServer({ attachmentStore: attachmentStore() });
    const answer = await t.json({ ...ask, params: { ...ask.params, mime_type: 'image/png' } });
    expect(answer).toMatchObject({ type: 'image', preview_url: 'https://up.test/p' });
  });

  test.each(['create', 'add'] as const)('a message binds them to its thread: %s', async (how) => {
    let got: Attachment[] = [];
    const t = testServer({
      attachmentStore: attachmentStore(),
      async *respond(_thread, message) {
        got = message?.attachments ?? [];
        yield progressUpdate('read');
      },
    });
    await t.json(ask);
    const before = how === 'add' ? await t.create() : undefined;
    const events = await t.events(
      before === undefined ? create('hi', { attachments: ['atc_1'] }) : add(before, 'hi', { attachments: ['atc_1'] }),
    );
    const message = events.find((event) => event.type === 'thread.item.done') as { item: ThreadItem };
    const threadId = message.item.thread_id;
    expect((await t.store.loadAttachment('atc_1', ada)).thread_id).toBe(threadId);
    expect(message.item).toMatchObject({ attachments: [{ id: 'atc_1', thread_id: threadId }] });
    expect(got).toMatchObject([{ id: 'atc_1', metadata: { bucket: 'secret' } }]);
    const list = await t.json({ type: 'items.list', params: { thread_id: threadId } });
    expect(JSON.stringify([events, list])).not.toContain('secret');
  });

  test('delete takes the bytes, then the record; one of somebody else is left alone in silence', async () => {
    const deleted: string[] = [];
    const t = testServer({ attachmentStore: attachmentStore(deleted) });
    await t.json(ask);
    const del = { type: 'attachments.delete' as const, params: { attachment_id: 'atc_1' } };
    expect(await t.json(del, { context: eve })).toEqual({ status: 200 });
    expect(deleted).toEqual([]);
    expect(await t.json(del)).toEqual({ status: 200 });
    expect(deleted).toEqual(['atc_1']);
    expect(await t.json(create('hi', { attachments: ['atc_1'] }))).toMatchObject({
      error: { code: 'attachment.not_found' },
    });
  });

  test('the bytes stay where the store fails to say whose they are', async () => {
    const deleted: string[] = [];
    const t = testServer({ attachmentStore: attachmentStore(deleted) });
    await t.json(ask);
    t.store.loadAttachment = () => Promise.reject(new Error('no connection'));
    expect(await t.json({ type: 'attachments.delete', params: { attachment_id: 'atc_1' } })).toMatchObject({
      status: 500,
    });
    expect(deleted).toEqual([]);
  });

  test('a record that no store takes is the application’s mistake, not the client’s', async () => {
    const bytes = attachmentStore();
    const t = testServer({
      attachmentStore: {
        ...bytes,
        createAttachment: async (params, context) => ({ ...(await bytes.createAttachment(params, context)), id: '' }),
      },
    });
    expect(
      await t.json({ type: 'attachments.create', params: { name: 'n', size: 1, mime_type: 'text/plain' } }),
    ).toMatchObject({ status: 500, error: { code: 'internal' } });
    expect(t.errors.map(String)).toEqual([expect.stringContaining('createAttachment()')]);
  });

  test('without an attachment store both are refused', async () => {
    const t = testServer();
    expect(await t.json(ask)).toMatchObject({ status: 501, error: { code: 'attachment.unsupported' } });
    expect(await t.json({ type: 'attachments.delete', params: { attachment_id: 'x' } })).toMatchObject({ status: 501 });
  });
});

describe('input.transcribe', () => {
  const ask = (audio_base64: string, mime_type = 'audio/webm;codecs=opus') => ({
    type: 'input.transcribe' as const,
    params: { audio_base64, mime_type },
  });

  test('bytes, raw type, media type and context reach the application', async () => {
    const seen: unknown[] = [];
    const t = testServer({
      async transcribe({ audio, mimeType, mediaType }, context) {
        seen.push([...audio], mimeType, mediaType, context);
        return { text: 'hello' };
      },
    });
    expect(await t.json(ask('AP/+\n/w=='))).toEqual({ status: 200, text: 'hello' });
    expect(seen).toEqual([[0, 255, 254, 255], 'audio/webm;codecs=opus', 'audio/webm', ada]);
    expect(await t.json(ask('A'))).toMatchObject({ status: 400, error: { details: { path: 'params.audio_base64' } } });
  });

  test('any bytes arrive as they are', async () => {
    let heard: Uint8Array = new Uint8Array();
    const t = testServer({
      maxBodyBytes: 8 * 1024 * 1024,
      async transcribe({ audio }) {
        heard = audio;
        return { text: '' };
      },
    });
    const encoded = (bytes: Uint8Array) => ask(Buffer.from(bytes).toString('base64'));
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), async (bytes) => {
        await t.json(encoded(bytes));
        expect([...heard]).toEqual([...bytes]);
      }),
      { numRuns: 30 },
    );
    const long = Uint8Array.from({ length: 1_000_000 }, (_, at) => at % 251);
    await t.json(encoded(long));
    expect(Buffer.compare(heard, long)).toBe(0);
  });

  test.each([undefined, 'hello', { text: undefined }])(
    'an answer that has no text (%j) is an error',
    async (answer) => {
      const t = testServer({ transcribe: async () => answer as never });
      expect(await t.json(ask('AA=='))).toMatchObject({ status: 500, error: { code: 'internal' } });
      expect(String(t.errors)).toContain('transcribe() must return { text }');
    },
  );

  test('a server without dictation says so', async () => {
    expect(await testServer().json(ask('AA=='))).toMatchObject({ status: 501, error: { code: 'request.unsupported' } });
  });
});
