// What becomes of the items that respond() yields: stored before sent, hidden, replaced, removed, failed half-way.
import {
  assistantMessage,
  CustomStreamError,
  hiddenContext,
  isHiddenItem,
  itemAdded,
  itemDone,
  itemRemoved,
  itemReplaced,
  itemUpdated,
  notice,
  partAdded,
  progressUpdate,
  StreamError,
  sdkHiddenContext,
  type ThreadMetadata,
  type ThreadStreamEvent,
  textDelta,
  threadCreated,
  threadUpdated,
  toWireThread,
  widgetItem,
  widgetRootUpdated,
  workflowItem,
  workflowTaskAdded,
} from '@chatkit/core';
import { describe, expect, test } from 'vitest';
import { ada, add, create, outline, shown, testServer, textOf } from './support.ts';

type Play = (thread: ThreadMetadata) => Iterable<ThreadStreamEvent>;

/** A server that yields what `play` makes of the thread, for the first message. */
const playing = (play: Play, options: Parameters<typeof testServer>[0] = {}) =>
  testServer({
    async *respond(thread, message) {
      if (textOf(message ?? undefined) === 'hi') yield* play(thread);
    },
    ...options,
  });

const after = (events: readonly ThreadStreamEvent[], type = 'stream_options') =>
  events.slice(events.findIndex((event) => event.type === type) + 1);
const idOf = (events: readonly ThreadStreamEvent[]) => (events[0] as { thread: { id: string } }).thread.id;

describe('storing', () => {
  test('an object that says what its JSON is is stored and sent as that', async () => {
    const content = { at: new Date(0), url: new URL('https://a.test/'), price: { toJSON: () => ({ euros: 5 }) } };
    const { events, errors, items } = testServer({
      async *respond(thread) {
        yield itemDone(hiddenContext({ thread_id: thread.id, content }));
        yield { type: 'client_effect', name: 'pay', data: content };
      },
    });
    const told = await events(create());
    const data = { at: '1970-01-01T00:00:00.000Z', url: 'https://a.test/', price: { euros: 5 } };
    expect(errors).toEqual([]);
    expect(told.at(-1)).toEqual({ type: 'client_effect', name: 'pay', data });
    const { thread } = told[0] as { thread: { id: string } };
    expect(await items(thread.id)).toMatchObject([{}, { content: data }]);
  });

  test('an item is in the store before its event is on the wire', async () => {
    const seen: boolean[] = [];
    const t = testServer({
      async *respond(thread) {
        yield itemDone(assistantMessage({ thread_id: thread.id, id: 'a', text: 'A' }));
      },
    });
    const response = await t.send(create());
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    for (let text = ''; ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      text += new TextDecoder().decode(value);
      const id = /thr_\w+/.exec(text)?.[0] as string;
      if (text.includes('"a"')) seen.push((await t.items(id)).some((item) => item.id === 'a'));
    }
    expect(seen).toEqual([true]);
  });

  test('what the application changes after it yielded changes nothing', async () => {
    const t = testServer({
      async *respond(thread) {
        const workflow = workflowItem({ thread_id: thread.id, id: 'wf', type: 'custom' });
        yield itemAdded(workflow);
        const task = { type: 'custom' as const, status_indicator: 'none' as const, title: 'one' };
        yield workflowTaskAdded('wf', task, 0);
        task.title = 'changed';
        workflow.workflow.tasks.push(task);
        const finished = structuredClone(workflow);
        finished.workflow.tasks = [{ ...task, title: 'one' }];
        yield itemDone(finished);
        finished.workflow.tasks.push(task);
      },
    });
    const events = await t.events(create());
    expect(JSON.stringify(events)).not.toContain('changed');
    const stored = (await t.items(idOf(events))).find(({ id }) => id === 'wf');
    expect(stored).toMatchObject({ workflow: { tasks: [{ title: 'one' }] } });
    expect(shown(events).find(({ id }) => id === 'wf')).toEqual(stored);
  });

  test('progress, notices and effects pass through and are not stored', async () => {
    const t = playing(() => [
      progressUpdate('Searching'),
      notice('warning', '**careful**', { title: 'Title' }),
      { type: 'client_effect', name: 'fx', data: { x: null } },
    ]);
    const events = await t.events(create());
    expect(after(events)).toEqual([
      { type: 'progress_update', text: 'Searching' },
      { type: 'notice', level: 'warning', message: '**careful**', title: 'Title' },
      { type: 'client_effect', name: 'fx', data: { x: null } },
    ]);
    expect(await t.items(idOf(events))).toHaveLength(1);
  });

  test('removed and replaced go to the store, and the type of an item may change', async () => {
    const t = playing((thread) => [
      itemDone(assistantMessage({ thread_id: thread.id, id: 'a', text: 'A' })),
      itemDone(assistantMessage({ thread_id: thread.id, id: 'b', text: 'B' })),
      itemReplaced(widgetItem({ thread_id: thread.id, id: 'a', widget: { type: 'Card', children: [] } })),
      itemRemoved('b'),
    ]);
    const events = await t.events(create());
    expect(outline(after(events)).slice(2)).toEqual(['thread.item.replaced widget', 'thread.item.removed']);
    expect((await t.items(idOf(events))).map(({ id, type }) => [id, type]).slice(1)).toEqual([['a', 'widget']]);
  });

  test('a yielded error event does not end the stream', async () => {
    const t = playing((thread) => [
      { type: 'error', code: 'custom', message: 'Half of it failed.', allow_retry: false },
      itemDone(assistantMessage({ thread_id: thread.id, text: 'The other half.' })),
    ]);
    expect(outline(after(await t.events(create())))).toEqual(['error', 'thread.item.done assistant_message']);
  });

  test('an item of another thread is refused before it is stored, with what to write instead', async () => {
    const { events, errors, items } = playing(() => [
      itemDone(assistantMessage({ thread_id: 'thr_other', id: 'msg_1', text: 'x' })),
    ]);
    const told = await events(create());
    expect(told.at(-1)).toMatchObject({ type: 'error', code: 'stream.error' });
    expect(errors.map(String)).toEqual([
      expect.stringContaining(
        'The item "msg_1" has the thread_id "thr_other", which is not this thread. Write `thread_id: thread.id`.',
      ),
    ]);
    expect(await items(idOf(told))).toHaveLength(1);
  });

  test('a thread.updated of the application is passed on, and what it says is stored', async () => {
    const status = { type: 'locked', reason: 'Done.' } as const;
    const { events, errors, store } = playing(function* (thread) {
      yield threadUpdated(toWireThread({ ...thread, title: 'T', status, allowed_image_domains: ['a.test'] }));
      yield threadUpdated(toWireThread(Object.assign(thread, { title: 'U', metadata: { step: 1 } })));
    });
    const told = await events(create());
    const { thread } = await store.loadThread(idOf(told), ada);
    expect(thread).toMatchObject({ title: 'U', status, allowed_image_domains: ['a.test'], metadata: { step: 1 } });
    expect(errors).toEqual([]);
    // The second change was assigned as well, so it is announced as every other.
    const wire = toWireThread(thread);
    expect(after(told)).toEqual([{ ...wire, title: 'T' }, wire, wire].map((each) => threadUpdated(each)));
  });

  test('a thread.updated that changes nothing is passed on, and one of another thread is refused', async () => {
    const same = playing((thread) => [threadUpdated(toWireThread(thread))]);
    expect(outline(after(await same.events(create())))).toEqual(['thread.updated']);
    for (const announce of [threadUpdated, threadCreated]) {
      const { events, errors } = playing((thread) => [announce(toWireThread({ ...thread, id: 'thr_other' }))]);
      expect(outline(after(await events(create())))).toEqual(['error']);
      expect(errors.map(String)).toEqual([
        expect.stringContaining('is of the thread "thr_other", which is not this thread.'),
      ]);
    }
  });

  test('an event of a type that is not known here passes through', async () => {
    const t = playing(() => [{ type: 'thread.sparkle', level: 3 } as never]);
    expect(after(await t.events(create()))).toEqual([{ type: 'thread.sparkle', level: 3 }]);
  });
});

describe('hidden items', () => {
  const hidden = (thread: ThreadMetadata, id = 'h') =>
    hiddenContext({ thread_id: thread.id, id, content: { secret: 'sesame' } });

  test.each<[string, Play]>([
    ['added', (thread) => [itemAdded(hidden(thread)), itemDone(hidden(thread))]],
    ['done', (thread) => [itemDone(hidden(thread))]],
    [
      'done, of the server’s own kind',
      (thread) => [itemDone(sdkHiddenContext({ thread_id: thread.id, id: 'h', content: 'sesame' }))],
    ],
    ['replaced', (thread) => [itemDone(hidden(thread)), itemReplaced(hidden(thread))]],
    [
      'updated',
      (thread) => [
        itemDone(hidden(thread)),
        itemUpdated('h', { type: 'widget.root.updated', widget: { type: 'Card', note: 'sesame' } }),
      ],
    ],
    ['removed', (thread) => [itemDone(hidden(thread)), itemRemoved('h')]],
  ])('leave on no event: %s', async (_, play) => {
    const events = await playing(play).events(create());
    expect(after(events)).toEqual([]);
  });

  test('updates and removals of one that an earlier turn stored stay inside too', async () => {
    const t = testServer({
      async *respond(thread, message) {
        if (textOf(message ?? undefined) === 'hi') yield itemDone(hidden(thread));
        else {
          // Readers are sent the item itself before the first update that adds to it, but not this one.
          yield textDelta('h', 'sesame');
          yield widgetRootUpdated('h', { type: 'Card', note: 'sesame' });
          yield itemRemoved('h');
        }
      },
    });
    const id = await t.create();
    expect(outline(await t.events(add(id)))).toEqual(['thread.item.done user_message', 'stream_options']);
    expect((await t.items(id)).some(isHiddenItem)).toBe(false);
  });

  test('one that an earlier turn stored is begun and stored again in silence', async () => {
    const t = testServer({
      async *respond(thread, message) {
        if (textOf(message ?? undefined) !== 'hi') yield itemAdded(hidden(thread));
        yield itemDone(hidden(thread));
      },
    });
    const id = await t.create();
    expect(after(await t.events(add(id)))).toEqual([]);
  });

  test('one that was visible before is taken away from the client, and one that turns visible arrives', async () => {
    const t = playing((thread) => [
      itemDone(assistantMessage({ thread_id: thread.id, id: 'a', text: 'oops' })),
      itemReplaced(hidden(thread, 'a')),
      itemReplaced(assistantMessage({ thread_id: thread.id, id: 'a', text: 'fine' })),
    ]);
    expect(outline(after(await t.events(create())))).toEqual([
      'thread.item.done assistant_message',
      'thread.item.removed',
      'thread.item.replaced assistant_message',
    ]);
  });

  test('one that is begun under the id of a visible one of an earlier turn takes that away', async () => {
    const t = testServer({
      async *respond(thread, message) {
        if (textOf(message ?? undefined) === 'hi')
          yield itemDone(assistantMessage({ thread_id: thread.id, id: 'a', text: 'oops' }));
        else yield itemAdded(hidden(thread, 'a'));
      },
    });
    const id = await t.create();
    expect(outline(after(await t.events(add(id))))).toEqual(['thread.item.removed']);
    const { items } = await t.json({ type: 'threads.get_by_id', params: { thread_id: id } });
    expect(items.data.map(textOf)).toEqual(['hi', 'more']);
  });

  test('one that hides a visible item and is never finished hides nothing in the end, for readers as in the store', async () => {
    const t = playing((thread) => [
      itemDone(assistantMessage({ thread_id: thread.id, id: 'a', text: 'kept' })),
      itemAdded(hidden(thread, 'a')),
      progressUpdate('and now'),
      itemDone({} as never),
    ]);
    const events = await t.events(create());
    const { items } = await t.json({ type: 'threads.get_by_id', params: { thread_id: idOf(events) } });
    expect(shown(events).map(textOf)).toEqual(['hi', 'kept']);
    expect(items.data.map(textOf)).toEqual(['hi', 'kept']);
  });

  test('they are stored, and in no list', async () => {
    const t = playing((thread) => [itemDone(hidden(thread))]);
    const id = idOf(await t.events(create()));
    expect(await t.items(id)).toHaveLength(2);
    expect((await t.json({ type: 'threads.get_by_id', params: { thread_id: id } })).items.data).toHaveLength(1);
    expect((await t.json({ type: 'items.list', params: { thread_id: id } })).data).toHaveLength(1);
  });
});

describe('errors', () => {
  const failing = (error: unknown, options?: Parameters<typeof testServer>[0]) =>
    testServer({
      async *respond(thread) {
        yield itemAdded(assistantMessage({ thread_id: thread.id, id: 'a' }));
        yield textDelta('a', 'Hello, ');
        yield textDelta('a', 'Wor');
        yield itemAdded(assistantMessage({ thread_id: thread.id, id: 'empty' }));
        yield itemAdded(workflowItem({ thread_id: thread.id, id: 'wf', type: 'reasoning' }));
        throw error;
      },
      ...options,
    });

  test.each([
    ['any error', new Error('key=sk-123'), { code: 'stream.error', allow_retry: true }],
    ['something that is no error', 'key=sk-123', { code: 'stream.error', allow_retry: true }],
    ['StreamError', new StreamError(), { code: 'stream.error', allow_retry: true }],
    ['StreamError with a code', new StreamError('rate_limited'), { code: 'rate_limited', allow_retry: false }],
    [
      'CustomStreamError',
      new CustomStreamError('Try tomorrow.', { allowRetry: true }),
      { code: 'custom', message: 'Try tomorrow.', allow_retry: true },
    ],
  ])('%s becomes an event, and nothing of its text leaks', async (_, error, expected) => {
    const t = failing(error);
    const events = await t.events(create());
    expect(events.filter(({ type }) => type === 'error')).toEqual([{ type: 'error', ...expected }]);
    expect(JSON.stringify(events)).not.toContain('sk-123');
    expect(t.errors).toEqual(
      'message' in expected || expected.code !== 'stream.error' || error instanceof StreamError ? [] : [error],
    );
  });

  test('unfinished items are kept or removed, never left dangling', async () => {
    const events = await failing(new Error('gone')).events(create());
    expect(outline(events).slice(-4)).toEqual([
      'thread.item.done assistant_message',
      'thread.item.removed',
      'thread.item.removed',
      'error',
    ]);
  });

  test.each([
    ['keep', ['hi', 'Hello, Wor']],
    ['remove', ['hi']],
  ] as const)('partialOnError %s: the stream and the store agree', async (partialOnError, texts) => {
    const t = failing(new Error('gone'), { partialOnError });
    const events = await t.events(create());
    const stored = await t.items(idOf(events));
    expect(stored.map(textOf)).toEqual(texts);
    expect(shown(events)).toEqual(stored);
  });

  test('an item that is never finished is finished when the stream ends well', async () => {
    const t = playing((thread) => [
      itemAdded(assistantMessage({ thread_id: thread.id, id: 'a' })),
      partAdded('a'),
      textDelta('a', 'whole'),
      itemAdded(assistantMessage({ thread_id: thread.id, id: 'blank' })),
    ]);
    const events = await t.events(create());
    expect(outline(events).slice(-2)).toEqual(['thread.item.done assistant_message', 'thread.item.removed']);
    expect(shown(events)).toEqual(await t.items(idOf(events)));
  });

  test.each<[string, unknown]>([
    ['no iterable', 42],
    ['a plain iterable', []],
    ['nothing', undefined],
  ])('respond() that returns %s is an error event', async (_, result) => {
    const t = testServer({ respond: () => result as never });
    expect(outline(await t.events(create())).at(-1)).toBe('error');
    expect(String(t.errors[0])).toContain('async iterable');
  });

  const circle: Record<string, unknown> = { type: 'progress_update', text: 'x' };
  circle['self'] = circle;

  test.each<[string, unknown]>([
    ['null', null],
    ['a string', 'hello'],
    ['an object without a type', {}],
    ['a BigInt inside', { type: 'progress_update', text: 1n }],
    ['a BigInt as a delta', textDelta('a', 1n as never)],
    ['a circle', circle],
    ['a function inside', { type: 'client_effect', name: 'x', data: { f: () => {} } }],
  ])('an event that is %s is an error event', async (_, event) => {
    const t = playing(() => [event as never]);
    expect(outline(await t.events(create())).at(-1)).toBe('error');
  });

  test('a store that fails in the middle ends the stream with an error, and finally runs', async () => {
    let finallyRan = false;
    const t = testServer({
      async *respond(thread) {
        try {
          yield itemDone(assistantMessage({ thread_id: thread.id, text: 'x' }));
        } finally {
          finallyRan = true;
        }
      },
    });
    const saveItem = t.store.saveItem.bind(t.store);
    t.store.saveItem = (threadId, item, context) =>
      item.type === 'assistant_message' ? Promise.reject(new Error('disk full')) : saveItem(threadId, item, context);
    expect(outline(await t.events(create())).at(-1)).toBe('error');
    expect(finallyRan).toBe(true);
  });

  test('getStreamOptions decides what the client may do', async () => {
    const t = playing(() => [], { getStreamOptions: () => ({ allow_cancel: false }) });
    expect((await t.events(create())).at(-1)).toEqual({
      type: 'stream_options',
      stream_options: { allow_cancel: false },
    });
  });

  test('the same user sees the same after a reload', async () => {
    const t = failing(new Error('gone'));
    const events = await t.events(create(), { context: ada });
    const { items } = await t.json({ type: 'threads.get_by_id', params: { thread_id: idOf(events) } });
    expect(items.data).toEqual(shown(events));
  });
});
