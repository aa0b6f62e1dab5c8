// threads.create, threads.add_user_message, threads.retry_after_item, and what respond() may change on the thread.
import {
  assistantMessage,
  ChatKitError,
  hiddenContext,
  itemDone,
  progressUpdate,
  type ThreadMetadata,
  type ThreadStreamEvent,
  type UserMessageItem,
} from '@chatkit/core';
import { run, say, scriptedResponder } from '@chatkit/testing';
import { describe, expect, test, vi } from 'vitest';
import {
  ada,
  add,
  create,
  eve,
  eventsOf,
  framesOf,
  input,
  named,
  outcomeOf,
  outline,
  settle,
  shown,
  testServer,
  textOf,
} from './support.ts';

/** As of a library of amounts, whose objects are not their own JSON. */
class Price {
  readonly cents: number;
  constructor(euros: number) {
    this.cents = euros * 100;
  }
  toJSON() {
    return { euros: this.cents / 100 };
  }
}

const answerOf = (threadId: string, text: string, id?: string): ThreadStreamEvent =>
  itemDone(assistantMessage({ thread_id: threadId, text, id }));

describe('threads.create', () => {
  test('streams the thread, the message, the options and the answer, in this order', async () => {
    const { events, items } = testServer({ respond: scriptedResponder([say('Hel', 'lo')]) });
    const stream = await events(create('hi', { quoted_text: 'as you said' }));
    expect(outline(stream)).toEqual([
      'thread.created',
      'thread.item.done user_message',
      'stream_options',
      'thread.item.added assistant_message',
      'thread.item.updated assistant_message.content_part.text_delta',
      'thread.item.updated assistant_message.content_part.text_delta',
      'thread.item.done assistant_message',
    ]);
    const [created, message] = stream as [never, never];
    expect(created).toMatchObject({ thread: { status: { type: 'active' }, metadata: {} } });
    expect((created as { thread: object }).thread).not.toHaveProperty('title');
    expect(message).toMatchObject({ item: { quoted_text: 'as you said', content: [{ text: 'hi' }] } });
    const threadId = (created as { thread: { id: string } }).thread.id;
    expect((await items(threadId)).map(textOf)).toEqual(['hi', 'Hello']);
  });

  test('a plain client gets the bytes of the reference: data lines and nothing else', async () => {
    const { send } = testServer({
      generateThreadId: () => 'thr_1',
      generateItemId: () => 'msg_1',
      now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 678),
      async *respond() {
        yield progressUpdate('pé', { icon: 'lucide:x' });
      },
    });
    const response = await send(create());
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-cache, no-transform');
    expect(response.headers.get('x-accel-buffering')).toBe('no');
    expect(response.headers.get('chatkit-run-id')).toBeNull();
    expect(await response.text()).toBe(
      [
        'data: {"type":"thread.created","thread":{"id":"thr_1","created_at":"2026-01-02T03:04:05.678Z","status":{"type":"active"},"metadata":{},"items":{"data":[],"has_more":false}}}\n\n',
        'data: {"type":"thread.item.done","item":{"id":"msg_1","thread_id":"thr_1","created_at":"2026-01-02T03:04:05.678Z","type":"user_message","content":[{"type":"input_text","text":"hi"}],"attachments":[],"inference_options":{}}}\n\n',
        'data: {"type":"stream_options","stream_options":{"allow_cancel":true}}\n\n',
        'data: {"type":"progress_update","icon":"lucide:x","text":"pé"}\n\n',
      ].join(''),
    );
  });

  test('the context, the message and its tools reach respond()', async () => {
    const respond = scriptedResponder([]);
    const { events } = testServer({ respond });
    await events(create('hi', { inference_options: { tool_choice: { id: 'search' }, model: 'm' } }));
    const [call] = respond.calls;
    expect(call?.context).toBe(ada);
    expect(call?.input).toMatchObject({
      inference_options: { tool_choice: { id: 'search' }, model: 'm' },
    });
  });

  test('ids come from the overrides', async () => {
    const { events } = testServer({
      generateThreadId: () => 'thr_custom_1',
      generateItemId: (kind, thread) => `${kind}_custom_2_${thread.id}`,
    });
    const [created, message] = await events(create());
    expect(created).toMatchObject({ thread: { id: 'thr_custom_1' } });
    expect(message).toMatchObject({ item: { id: 'message_custom_2_thr_custom_1', thread_id: 'thr_custom_1' } });
  });

  test('nothing is stored when an attachment is missing', async () => {
    const { json } = testServer();
    expect(await json(create('hi', { attachments: ['atc_none'] }))).toMatchObject({
      status: 404,
      error: { code: 'attachment.not_found' },
    });
    expect(await json({ type: 'threads.list', params: {} })).toMatchObject({ data: [] });
  });

  test.each<[string, object]>([
    ['by its text', { content: [{ type: 'input_text', text: 'x'.repeat(3_000) }] }],
    ['by what it names', { attachments: ['atc_1'] }],
  ])('a message that no log would take is refused, and not stored: too large %s', async (_, more) => {
    const { json, store, events, items } = testServer({ maxEventBytes: 2_000 });
    const mime_type = 'text/plain';
    await store.saveAttachment({ type: 'file', id: 'atc_1', name: 'x'.repeat(3_000), mime_type }, ada);
    const id = (await events(create()))[0] as { thread: { id: string } };
    const refused = { status: 413, error: { code: 'event.too_large' } };
    expect(await json(create('', more))).toMatchObject(refused);
    expect(await json(add(id.thread.id, '', more))).toMatchObject(refused);
    const [message] = await items(id.thread.id);
    const params = { thread_id: id.thread.id, item_id: message?.id ?? '', input: input('', more) };
    expect(await json({ type: 'threads.retry_after_item', params })).toMatchObject(refused);
    expect((await json({ type: 'threads.list', params: {} })).data).toHaveLength(1);
    expect(await items(id.thread.id)).toEqual([message]);
  });

  test('an attachment that is named twice is attached twice, as in the reference, and loaded and stored once', async () => {
    const { events, store } = testServer();
    await store.saveAttachment({ type: 'file', id: 'atc_1', name: 'n', mime_type: 'text/plain' }, ada);
    const load = vi.spyOn(store, 'loadAttachment');
    const message = (await events(create('hi', { attachments: ['atc_1', 'atc_1'] })))[1] as { item: UserMessageItem };
    expect(message.item.attachments.map(({ id }) => id)).toEqual(['atc_1', 'atc_1']);
    expect(load).toHaveBeenCalledOnce();
  });

  test('a large attachment that is named 1,000 times is refused, not multiplied', async () => {
    const { json, store } = testServer();
    const name = 'x'.repeat(100_000);
    await store.saveAttachment({ type: 'file', id: 'a', name, mime_type: 'text/plain' }, ada);
    const attachments = Array.from({ length: 1_000 }, () => 'a');
    expect(await json(create('hi', { attachments }))).toMatchObject({
      status: 413,
      error: { code: 'event.too_large' },
    });
  });

  test('a store that fails is a 500 without its text, and is reported', async () => {
    const broken = testServer();
    broken.store.transaction = () => Promise.reject(new Error('password=hunter2'));
    const answer = await broken.json(create());
    expect(answer).toEqual({
      status: 500,
      error: { code: 'internal', message: 'Something went wrong on the server.', retryable: true },
    });
    expect(String(broken.errors[0])).toContain('hunter2');
  });
});

describe('threads.add_user_message', () => {
  test('streams the message, the options and the answer', async () => {
    const { create: begin, events, items } = testServer({ respond: scriptedResponder([say('Hi')]) });
    const threadId = await begin('one');
    expect(outline(await events(add(threadId, 'two')))).toEqual([
      'thread.item.done user_message',
      'stream_options',
      'thread.item.added assistant_message',
      'thread.item.updated assistant_message.content_part.text_delta',
      'thread.item.done assistant_message',
    ]);
    expect((await items(threadId)).map(textOf)).toEqual(['one', 'Hi', 'two', 'Hi']);
  });

  test.each(['locked', 'closed'] as const)('a %s thread refuses it, and stores nothing', async (type) => {
    const {
      create: begin,
      json,
      items,
    } = testServer({
      async *respond(thread) {
        thread.status = { type, reason: 'review' };
        yield progressUpdate('done');
      },
    });
    const threadId = await begin();
    expect(await json(add(threadId))).toMatchObject({
      status: 409,
      error: { code: `thread.${type}`, retryable: false, details: { reason: 'review' } },
    });
    expect(
      await json({ type: 'threads.retry_after_item', params: { thread_id: threadId, item_id: 'x' } }),
    ).toMatchObject({ status: 409 });
    expect(await items(threadId)).toHaveLength(1);
  });

  test('a thread of somebody else is not found', async () => {
    const { create: begin, json } = testServer();
    const threadId = await begin();
    const theirs = await json(add(threadId), { context: eve });
    const unknown = await json(add('thr_none'), { context: eve });
    expect(theirs).toMatchObject({ status: 404, error: { code: 'thread.not_found' } });
    expect(JSON.stringify(theirs).replaceAll(threadId, 'X')).toBe(JSON.stringify(unknown).replaceAll('thr_none', 'X'));
  });
});

describe('threads.retry_after_item', () => {
  test('with an input answers the message in those words; it keeps its id, its place and its time', async () => {
    const { events, items, store } = testServer({
      async *respond(thread, message) {
        yield answerOf(thread.id, `You said: ${textOf(message as UserMessageItem)}`);
      },
    });
    const stream = await events(create('one'));
    const threadId = (stream[0] as { thread: { id: string } }).thread.id;
    await events(add(threadId, 'two'));
    await events(add(threadId, 'three'));
    const [, , two] = await items(threadId);
    const params = { thread_id: threadId, item_id: two?.id as string, input: input('zwei') };
    const again = await events({ type: 'threads.retry_after_item', params });
    expect(again[0]).toMatchObject({ type: 'thread.item.done', item: { id: two?.id, content: [{ text: 'zwei' }] } });
    expect((await items(threadId)).map(textOf)).toEqual(['one', 'You said: one', 'zwei', 'You said: zwei']);
    expect(await store.loadItem(threadId, two?.id as string, ada)).toMatchObject({ created_at: two?.created_at });
  });

  test('forgets what came after the message and answers it again, without telling of the deletions', async () => {
    const respond = scriptedResponder((_, index) => [say(`answer ${index}`)]);
    const { create: begin, events, items } = testServer({ respond });
    const threadId = await begin('one');
    await events(add(threadId, 'two', { inference_options: { tool_choice: { id: 'tool' } } }));
    await events(add(threadId, 'three'));
    const second = (await items(threadId)).find((item) => textOf(item) === 'two') as UserMessageItem;
    const stream = await events({
      type: 'threads.retry_after_item',
      params: { thread_id: threadId, item_id: second.id },
    });
    expect(outline(stream).slice(0, 2)).toEqual(['stream_options', 'thread.item.added assistant_message']);
    expect((await items(threadId)).map(textOf)).toEqual(['one', 'answer 0', 'two', 'answer 3']);
    expect(respond.calls.at(-1)?.input).toEqual(second);
  });

  describe('with if_newest', () => {
    test('answers the message again when it is the newest', async () => {
      const {
        create: begin,
        events,
        items,
      } = testServer({
        respond: scriptedResponder((_, index) => [say(`answer ${index}`)]),
      });
      const thread_id = await begin('one');
      const item_id = (await items(thread_id))[0]?.id as string;
      await events({ type: 'threads.retry_after_item', params: { thread_id, item_id, if_newest: true } });
      expect((await items(thread_id)).map(textOf)).toEqual(['one', 'answer 1']);
    });

    test('else deletes nothing, stops nothing, and brings what follows', async () => {
      let finish = () => {};
      const finished = new Promise<void>((resolve) => {
        finish = resolve;
      });
      const respond = scriptedResponder((_, index) => [
        say(`answer ${index}`),
        ...(index === 1 ? [run(() => finished)] : []),
      ]);
      const { create: begin, send, items, store } = testServer({ respond });
      const thread_id = await begin('one');
      const item_id = (await items(thread_id))[0]?.id as string;
      await store.saveItem(thread_id, hiddenContext({ thread_id, content: 'a note' }), ada);
      const running = send(add(thread_id, 'two'));
      await settle();
      const asked = send(
        { type: 'threads.retry_after_item', params: { thread_id, item_id, if_newest: true } },
        {
          headers: named('again'),
        },
      );
      await settle();
      finish();
      expect(outline(eventsOf(await framesOf(await running))).at(-1)).toBe('thread.item.done assistant_message');
      const frames = await framesOf(await asked);
      expect(shown(eventsOf(frames)).map(textOf)).toEqual(['answer 0', 'two', 'answer 1']);
      expect(outcomeOf(frames)).toBe('completed');
      expect((await items(thread_id)).map(textOf)).toEqual(['one', 'answer 0', '', 'two', 'answer 1']);
      expect(respond.calls).toHaveLength(2);
    });
  });

  test('finds the message behind several pages', async () => {
    const {
      create: begin,
      events,
      items,
    } = testServer({
      async *respond(thread, message) {
        if (textOf(message as UserMessageItem) !== 'many') return;
        for (let i = 0; i < 250; i += 1) yield answerOf(thread.id, `line ${i}`);
      },
    });
    const threadId = await begin('many');
    const [first] = await items(threadId);
    await events(add(threadId));
    await events({ type: 'threads.retry_after_item', params: { thread_id: threadId, item_id: first?.id as string } });
    expect(await items(threadId)).toHaveLength(251);
  });

  test('an unknown item and one that is no message are refused before anything is deleted', async () => {
    const { create: begin, json, items } = testServer({ respond: scriptedResponder([say('Hi')]) });
    const threadId = await begin();
    const answer = (await items(threadId))[1];
    const retry = (item_id: string) =>
      json({ type: 'threads.retry_after_item', params: { thread_id: threadId, item_id } });
    expect(await retry('msg_none')).toMatchObject({ status: 404, error: { code: 'item.not_found' } });
    expect(await retry(answer?.id as string)).toMatchObject({
      status: 400,
      error: { code: 'item.wrong_type', details: { path: 'params.item_id' } },
    });
    expect(await items(threadId)).toHaveLength(2);
  });

  test.each([
    ['', {}],
    [', though a store says that there are more and not where', { has_more: true }],
  ])(
    'a message that has been deleted by the time its answers are looked for is refused, and nothing is%s',
    async (_, page) => {
      const t = testServer({ respond: scriptedResponder([say('Hi')]) });
      const thread_id = await t.create();
      const [message, answer] = await t.items(thread_id);
      const { listItems } = t.store;
      t.store.listItems = async (...of) => {
        await t.store.deleteItem(thread_id, message?.id as string, ada);
        return { ...(await listItems(...of)), ...page };
      };
      const params = { thread_id, item_id: message?.id as string };
      const refused = await t.json({ type: 'threads.retry_after_item', params });
      expect(refused).toMatchObject({ status: 404, error: { code: 'item.not_found' } });
      t.store.listItems = listItems;
      expect(await t.items(thread_id)).toEqual([answer]);
    },
  );
});

describe('changes of the thread', () => {
  const afterFirst = (change: (thread: ThreadMetadata) => void) =>
    testServer({
      async *respond(thread) {
        yield answerOf(thread.id, 'A', 'a');
        change(thread);
        yield answerOf(thread.id, 'B', 'b');
        yield answerOf(thread.id, 'C', 'c');
      },
    });

  test.each([
    ['title', (thread: object) => Object.assign(thread, { title: 'T' }), { title: 'T' }],
    [
      'status',
      (thread: object) => Object.assign(thread, { status: { type: 'locked', reason: 'r' } }),
      { status: { type: 'locked', reason: 'r' } },
    ],
    [
      'allowed_image_domains',
      (thread: object) => Object.assign(thread, { allowed_image_domains: ['x.test'] }),
      { allowed_image_domains: ['x.test'] },
    ],
  ])('%s is saved and announced after the event that exposed it', async (_, change, expected) => {
    const { events, store } = afterFirst(change);
    const stream = await events(create());
    const at = stream.findIndex(({ type }) => type === 'thread.updated');
    expect(stream[at - 1]).toMatchObject({ item: { id: 'b' } });
    expect(stream[at + 1]).toMatchObject({ item: { id: 'c' } });
    expect(stream[at]).toMatchObject({ thread: { ...expected, metadata: {}, items: { data: [], has_more: false } } });
    const { id } = (stream[at] as { thread: { id: string } }).thread;
    expect((await store.loadThread(id, ada)).thread).toMatchObject(expected);
  });

  test('nested metadata is saved and announced, and stays on the server', async () => {
    const { events, store } = testServer({
      async *respond(thread) {
        const steps: number[] = [];
        thread.metadata['run'] = { steps };
        yield progressUpdate('first');
        steps.push(1);
      },
    });
    const stream = await events(create());
    expect(stream.at(-1)).toMatchObject({ type: 'thread.updated', thread: { metadata: {} } });
    const { id } = (stream[0] as { thread: { id: string } }).thread;
    expect((await store.loadThread(id, ada)).thread.metadata).toEqual({ run: { steps: [1] } });
  });

  test.each<[string, unknown, unknown, unknown]>([
    ['a date', new Date(0), new Date(1), '1970-01-01T00:00:00.001Z'],
    ['an object that says what its JSON is', new Price(1), new Price(2), { euros: 2 }],
    ['a URL', new URL('https://a.test/1'), new URL('https://a.test/2'), 'https://a.test/2'],
    ['a number that JSON does not have', Number.NaN, 1, 1],
    ['what is undefined', [undefined], [1], [1]],
  ])('%s in the metadata is saved when it changes, and only then', async (_, first, second, saved) => {
    const { events, store, errors } = testServer({
      async *respond(thread) {
        thread.metadata['value'] = first;
        for (let step = 0; step < 3; step += 1) yield progressUpdate('x');
        thread.metadata['value'] = second;
        for (let step = 0; step < 3; step += 1) yield progressUpdate('y');
      },
    });
    const told = await events(create());
    expect(errors).toEqual([]);
    expect(told.filter(({ type }) => type === 'thread.updated')).toHaveLength(2);
    const [{ id } = { id: '' }] = (await store.listThreads({ limit: 1, order: 'asc' }, ada)).data;
    expect((await store.loadThread(id, ada)).thread.metadata).toEqual({ value: saved });
  });

  test('a title that is set before an error is kept', async () => {
    const { events } = testServer({
      // biome-ignore lint/correctness/useYield: it fails before it can.
      async *respond(thread) {
        thread.title = 'T';
        throw new Error('model gone');
      },
    });
    expect(outline(await events(create())).slice(-2)).toEqual(['error', 'thread.updated']);
  });

  test('a rename and an answer that works on metadata both win', async () => {
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const {
      create: begin,
      send,
      json,
      store,
    } = testServer({
      async *respond(thread, message) {
        if (textOf(message as UserMessageItem) === 'hi') return;
        thread.metadata['tokens'] = 7;
        yield progressUpdate('working');
        await gate;
        thread.metadata['cost'] = 3;
      },
    });
    const id = await begin();
    const response = await send(add(id));
    await settle();
    await json({ type: 'threads.update', params: { thread_id: id, title: 'renamed' } });
    go();
    await response.text();
    expect((await store.loadThread(id, ada)).thread).toMatchObject({
      title: 'renamed',
      metadata: { tokens: 7, cost: 3 },
    });
  });

  test.each([
    ['request.unauthorized', 401],
    ['request.forbidden', 403],
    ['request.rate_limited', 429],
  ] as const)(
    'an application that refuses with %s is answered with %i, and nothing is reported',
    async (code, status) => {
      const { json, errors } = testServer({
        generateThreadId: () => {
          throw new ChatKitError(code, 'Not now.');
        },
      });
      expect(await json(create())).toMatchObject({
        status,
        error: { code, message: 'Not now.', retryable: code === 'request.rate_limited' },
      });
      expect(errors).toEqual([]);
    },
  );

  test.each([
    [undefined, null],
    [1, '1'],
    [4_001, '5'],
    [Number.NaN, null],
    [Number.POSITIVE_INFINITY, null],
    [-1, null],
    ['5', null],
  ])('retryAfterMs: %j becomes Retry-After: %j', async (retryAfterMs, header) => {
    const { send } = testServer({
      transcribe: () => {
        throw new ChatKitError('request.rate_limited', 'Not now.', { details: { retryAfterMs } });
      },
    });
    const response = await send({ type: 'input.transcribe', params: { audio_base64: '', mime_type: 'audio/webm' } });
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe(header);
  });
});
