// Client tools, structured input, and the two kinds of action.
import {
  assistantMessage,
  type ClientToolCallItem,
  clientToolCall,
  hiddenContext,
  itemDone,
  itemReplaced,
  progressUpdate,
  type StructuredInputItem,
  structuredInputItem,
  type ThreadItem,
  type ThreadMetadata,
  type ThreadStreamEvent,
  widgetItem,
  widgetRootUpdated,
} from '@chatkit/core';
import { describe, expect, test } from 'vitest';
import { ada, add, create, eve, named, outline, testServer, textOf } from './support.ts';

/** A server whose first answer is `items`, and whose every later one a line that tells how respond() was called. */
const showing = (items: (thread: ThreadMetadata) => ThreadItem[], options: Parameters<typeof testServer>[0] = {}) =>
  testServer({
    async *respond(thread, message) {
      if (textOf(message ?? undefined) === 'hi') for (const item of items(thread)) yield itemDone(item);
      else
        yield itemDone(assistantMessage({ thread_id: thread.id, text: `went on with ${message && textOf(message)}` }));
    },
    ...options,
  });

describe('threads.add_client_tool_output', () => {
  const call = (thread: ThreadMetadata, id = 'tc'): ClientToolCallItem =>
    clientToolCall({ thread_id: thread.id, id, call_id: `call_${id}`, name: 'pick', arguments: { a: null } });
  const output = (thread_id: string, result: unknown, item_id?: string) => ({
    type: 'threads.add_client_tool_output' as const,
    params: { thread_id, result, item_id },
  });

  test('the call is sent pending, completed by the output, announced, and respond() goes on with null', async () => {
    const t = showing((thread) => [call(thread)]);
    const first = await t.events(create());
    expect(first.at(-1)).toMatchObject({ item: { status: 'pending', call_id: 'call_tc', arguments: { a: null } } });
    const id = await idIn(first);
    const events = await t.events(output(id, { picked: [1, null] }));
    expect(outline(events)).toEqual([
      'stream_options',
      'thread.item.replaced client_tool_call',
      'thread.item.done assistant_message',
    ]);
    expect(events[1]).toMatchObject({ item: { id: 'tc', status: 'completed', output: { picked: [1, null] } } });
    expect(textOf((events[2] as { item: ThreadItem }).item)).toBe('went on with null');
    expect((await t.items(id))[1]).toMatchObject({ id: 'tc', status: 'completed', output: { picked: [1, null] } });
  });

  test.each<[string, (thread: ThreadMetadata) => ThreadItem[]]>([
    ['a hidden item', (thread) => [call(thread), hiddenContext({ thread_id: thread.id, content: 'x' })]],
    ['another message', (thread) => [call(thread), assistantMessage({ thread_id: thread.id, text: 'meanwhile' })]],
  ])('%s behind the call does not hide it', async (_, items) => {
    const t = showing(items);
    const id = await t.create();
    expect(outline(await t.events(output(id, 1)))[1]).toBe('thread.item.replaced client_tool_call');
  });

  test('without an id the newest call gets the output and the others are taken back', async () => {
    const t = showing((thread) => [call(thread, 'one'), call(thread, 'two')]);
    const id = await t.create();
    const events = await t.events(output(id, 'r'));
    expect(events[1]).toMatchObject({ item: { id: 'two', output: 'r' } });
    expect(events[2]).toEqual({ type: 'thread.item.removed', item_id: 'one' });
    expect((await t.items(id)).map((item) => item.id)).not.toContain('one');
  });

  test('without an id a call that has its output is passed over', async () => {
    const t = showing((thread) => [call(thread, 'one'), call(thread, 'two')]);
    const id = await t.create();
    await t.events(output(id, 2, 'two'));
    expect((await t.events(output(id, 1)))[1]).toMatchObject({ item: { id: 'one', output: 1 } });
    expect((await t.items(id)).slice(1, 3)).toMatchObject([{ output: 1 }, { output: 2 }]);
  });

  test('a call in a thread in which the user has said nothing is found', async () => {
    const t = showing(() => []);
    const thread: ThreadMetadata = {
      id: 'thr_1',
      created_at: '2026-01-01T00:00:00Z',
      status: { type: 'active' },
      metadata: {},
    };
    await t.store.saveThread(thread, ada);
    await t.store.saveItem(thread.id, call(thread), ada);
    expect((await t.events(output(thread.id, 1)))[1]).toMatchObject({ item: { id: 'tc', output: 1 } });
  });

  test('with ids calls run side by side, and respond() goes on when the last has its output', async () => {
    const t = showing((thread) => [call(thread, 'one'), call(thread, 'two')]);
    const id = await t.create();
    expect(outline(await t.events(output(id, 1, 'one')))).toEqual([
      'stream_options',
      'thread.item.replaced client_tool_call',
    ]);
    expect(outline(await t.events(output(id, 2, 'two'))).at(-1)).toBe('thread.item.done assistant_message');
    expect((await t.items(id)).slice(1, 3)).toMatchObject([
      { id: 'one', call_id: 'call_one', output: 1 },
      { id: 'two', call_id: 'call_two', output: 2 },
    ]);
  });

  test('it is refused when nothing waits for it', async () => {
    const t = showing((thread) => [call(thread)]);
    const id = await t.create();
    await t.events(output(id, 1));
    const refused = (path: string) => ({ status: 409, error: { code: 'item.not_pending', details: { path } } });
    expect(await t.json(output(id, 2))).toMatchObject(refused('params.thread_id'));
    expect(await t.json(output(id, 2, 'tc'))).toMatchObject(refused('params.item_id'));
    await t.events(add(id));
    const again = { headers: { ...named('r'), 'chatkit-repeat': '1' } };
    expect(await t.json(output(id, 2), again)).toMatchObject(refused('params.thread_id'));
    expect(await t.json(output(id, 2), { context: eve })).toMatchObject({
      status: 404,
      error: { code: 'thread.not_found' },
    });
    expect((await t.items(id))[1]).toMatchObject({ output: 1 });
  });

  test('a call that a later message of the user passed over is not pending any more', async () => {
    const t = showing((thread) => [call(thread)]);
    const id = await t.create();
    await t.events(add(id, 'never mind'));
    expect(await t.json(output(id, 1))).toMatchObject({ error: { code: 'item.not_pending' } });
  });
});

describe('threads.add_structured_input', () => {
  const questions = (thread: ThreadMetadata): StructuredInputItem =>
    structuredInputItem({
      thread_id: thread.id,
      id: 'si',
      inputs: [
        { type: 'multiple_choice', id: 'one', question: 'One?', options: [{ value: 'Math' }], multiple: false },
        { type: 'multiple_choice', id: 'many', question: 'Many?', options: [{ value: 'A' }], multiple: true },
        { type: 'freeform', id: 'toString', question: 'Free?' },
      ],
    });
  const answers = async (result: object) => {
    const t = showing((thread) => [questions(thread)]);
    const id = await t.create();
    const events = await t.events({
      type: 'threads.add_structured_input',
      params: { thread_id: id, item_id: 'si', input: result },
    });
    return { t, id, events, stored: (await t.items(id))[1] as StructuredInputItem };
  };
  const skipped = { values: [], skipped: true };

  test('the item is replaced inside the stream, stored, and respond() goes on', async () => {
    const { events, stored } = await answers({ answers: { one: { values: ['Custom'] } } });
    expect(outline(events)).toEqual([
      'stream_options',
      'thread.item.replaced structured_input',
      'thread.item.done assistant_message',
    ]);
    expect(events[1]).toEqual({ type: 'thread.item.replaced', item: stored });
    expect(stored.status).toBe('answered');
  });

  test.each<[string, object, object[]]>([
    [
      'a custom value is kept',
      { answers: { one: { values: ['Custom'] } } },
      [{ values: ['Custom'], skipped: false }, skipped, skipped],
    ],
    [
      'a single choice keeps its first value, the others keep all',
      { answers: { one: { values: ['Math', 'Art'] }, many: { values: ['A', 'B'] }, toString: { values: ['x', 'y'] } } },
      [
        { values: ['Math'], skipped: false },
        { values: ['A', 'B'], skipped: false },
        { values: ['x', 'y'], skipped: false },
      ],
    ],
    [
      'an unknown question is ignored',
      { answers: { nope: { values: ['x'] }, toString: { values: ['y'] } } },
      [skipped, skipped, { values: ['y'], skipped: false }],
    ],
    [
      'a question can be skipped',
      { answers: { one: { values: ['Math'], skipped: true } } },
      [skipped, skipped, skipped],
    ],
    ['an empty answer is skipped', { answers: { one: { values: [] } } }, [skipped, skipped, skipped]],
    [
      'skipping all skips what was answered too',
      { status: 'skipped', answers: { one: { values: ['Math'] } } },
      [skipped, skipped, skipped],
    ],
    ['a name of Object.prototype is no answer', { answers: {} }, [skipped, skipped, skipped]],
  ])('%s', async (_, result, expected) => {
    const { stored } = await answers(result);
    expect(stored.inputs.map(({ answer }) => answer)).toEqual(expected);
  });

  test('answering twice, or something else, is refused', async () => {
    const { t, id } = await answers({ status: 'skipped' });
    const again = (item_id: string) =>
      t.json({ type: 'threads.add_structured_input', params: { thread_id: id, item_id, input: {} } });
    expect(await again('si')).toMatchObject({ status: 409, error: { code: 'item.not_pending' } });
    expect(await again('none')).toMatchObject({ status: 404, error: { code: 'item.not_found' } });
    const [message] = await t.items(id);
    expect(await again(message?.id as string)).toMatchObject({ status: 400, error: { code: 'item.wrong_type' } });
  });
});

describe('threads.custom_action', () => {
  const widget = (thread: ThreadMetadata, title = 'x') =>
    widgetItem({ thread_id: thread.id, id: 'w', widget: { type: 'Card', title } });
  const action = (thread_id: string, item_id?: string) => ({
    type: 'threads.custom_action' as const,
    params: { thread_id, item_id, action: { type: 'press', payload: { n: 1 } } },
  });

  test('action() gets the action and the widget, and streams', async () => {
    const calls: unknown[] = [];
    const t = showing((thread) => [widget(thread)], {
      async *action(thread, what, sender) {
        calls.push(what, sender?.id);
        yield widgetRootUpdated('w', { type: 'Card', title: 'pressed' });
        yield itemReplaced(widget(thread, 'kept'));
      },
    });
    const id = await t.create();
    const events = await t.events(action(id, 'w'));
    expect(outline(events)).toEqual([
      'stream_options',
      'thread.item.updated widget.root.updated',
      'thread.item.replaced widget',
    ]);
    expect(calls).toEqual([{ type: 'press', payload: { n: 1 } }, 'w']);
    expect((await t.items(id))[1]).toMatchObject({ widget: { title: 'kept' } });
  });

  test('an action of the page itself has no sender', async () => {
    let sender: unknown = 'unset';
    const t = showing(() => [], {
      async *action(_thread, _action, from) {
        sender = from;
        yield progressUpdate('pressed');
      },
    });
    await t.events(action(await t.create()));
    expect(sender).toBeNull();
  });

  test('an item that is no widget is an error on the stream, without options, as in the reference', async () => {
    const t = showing((thread) => [assistantMessage({ thread_id: thread.id, id: 'a', text: 'x' })]);
    const id = await t.create();
    expect(await t.events(action(id, 'a'))).toEqual([{ type: 'error', code: 'stream.error', allow_retry: false }]);
  });

  test('an item that is not there is refused', async () => {
    const t = showing(() => []);
    expect(await t.json(action(await t.create(), 'w'))).toMatchObject({
      status: 404,
      error: { code: 'item.not_found' },
    });
  });

  test('a server without action() answers with an error event', async () => {
    const t = showing(() => []);
    expect(outline(await t.events(action(await t.create())))).toEqual(['stream_options', 'error']);
  });
});

describe('threads.sync_custom_action', () => {
  const sync = (thread_id: string, item_id?: string) => ({
    type: 'threads.sync_custom_action' as const,
    params: { thread_id, item_id, action: { type: 'press' } },
  });
  const widget = (thread: ThreadMetadata, title = 'x') =>
    widgetItem({ thread_id: thread.id, id: 'w', widget: { type: 'Card', title, empty: null } });

  test('the returned item is sent and stored', async () => {
    const t = showing((thread) => [widget(thread)], {
      async syncAction(thread, _action, sender) {
        expect(sender?.id).toBe('w');
        thread.title = 'pressed';
        return { updated_item: widget(thread, 'new') };
      },
    });
    const id = await t.create();
    const answer = await t.json(sync(id, 'w'));
    expect(answer.updated_item.widget).toEqual({ type: 'Card', title: 'new' });
    expect((await t.items(id))[1]).toMatchObject({ widget: { title: 'new' } });
    expect((await t.json({ type: 'threads.get_by_id', params: { thread_id: id } })).title).toBe('pressed');
  });

  test('no item is an empty object, and a hidden one stays here', async () => {
    const t = showing(() => [], {
      async syncAction(thread, _action) {
        return thread.title === undefined
          ? {}
          : { updated_item: hiddenContext({ thread_id: thread.id, id: 'h', content: 'secret' }) };
      },
    });
    const id = await t.create();
    expect(await t.json(sync(id))).toEqual({ status: 200 });
    await t.json({ type: 'threads.update', params: { thread_id: id, title: 'T' } });
    expect(await t.json(sync(id))).toEqual({ status: 200 });
    expect((await t.items(id)).map((item) => item.id)).toContain('h');
  });

  test('an action that has nothing to show may return nothing, and its changes of the thread are saved', async () => {
    const t = testServer({
      async syncAction(thread, { type }) {
        thread.title = type;
      },
    });
    const id = await t.create();
    expect(await t.json(sync(id))).toEqual({ status: 200 });
    expect((await t.store.loadThread(id, ada)).thread.title).toBe('press');
  });

  test('an item of another thread is refused before anything is stored', async () => {
    const t = testServer({
      async syncAction(thread) {
        thread.title = 'changed';
        return { updated_item: assistantMessage({ thread_id: 'thr_other', text: 'x' }) };
      },
    });
    const id = await t.create();
    expect(await t.json(sync(id))).toMatchObject({ status: 500, error: { code: 'internal' } });
    expect((await t.store.loadThread(id, ada)).thread.title).toBeUndefined();
    expect(await t.items(id)).toHaveLength(1);
  });

  test.each<[string, (item: object) => unknown, string]>([
    ['no JSON', (item) => ({ ...item, widget: { type: 'Card', size: 1n } }), 'cannot be written as JSON'],
    [
      'a function inside',
      (item) => ({ ...item, widget: { type: 'Card', press: () => {} } }),
      'cannot be written as JSON',
    ],
    ['without an id', ({ id: _, ...item }: { id?: string }) => item, 'needs an item with an id'],
    ['too large', (item) => ({ ...item, widget: { type: 'Card', text: 'x'.repeat(100_000) } }), 'larger than'],
    ['with an id that no store takes', (item) => ({ ...item, id: 'x'.repeat(201) }), 'item.id must be'],
    ['with a time that is none', (item) => ({ ...item, created_at: 'today' }), 'created_at must be'],
  ])('an item that is %s is the application’s mistake, not the client’s, and is not stored', async (_, spoil, told) => {
    const t = testServer({
      maxEventBytes: 10_000,
      syncAction: async (thread) => ({ updated_item: spoil(widget(thread)) as ThreadItem }),
    });
    const id = await t.create();
    expect(await t.json(sync(id))).toMatchObject({ status: 500, error: { code: 'internal' } });
    expect(t.errors.map(String)).toEqual([expect.stringMatching(`syncAction\\(\\).*${told}`)]);
    expect(await t.items(id)).toHaveLength(1);
  });

  test('what the store itself throws is not held against the item', async () => {
    const t = testServer({ syncAction: async (thread) => ({ updated_item: widget(thread) }) });
    const id = await t.create();
    const failure = new TypeError('fetch failed');
    t.store.saveItem = () => Promise.reject(failure);
    expect(await t.json(sync(id))).toMatchObject({ status: 500, error: { code: 'internal' } });
    expect(t.errors).toEqual([failure]);
  });

  test('an object in the item that says what its JSON is is stored and sent as that', async () => {
    const date = new Date(0);
    const t = testServer({
      syncAction: async (thread) => ({
        updated_item: { ...widget(thread), widget: { type: 'Card', at: date } } as never,
      }),
    });
    const id = await t.create();
    const { updated_item } = await t.json(sync(id));
    expect(updated_item.widget).toEqual({ type: 'Card', at: date.toISOString() });
    expect((await t.items(id))[1]).toMatchObject({ widget: updated_item.widget });
  });

  test('a sender that is no widget, and a server without syncAction(), are refused', async () => {
    const t = showing((thread) => [assistantMessage({ thread_id: thread.id, id: 'a', text: 'x' })]);
    const id = await t.create();
    expect(await t.json(sync(id, 'a'))).toMatchObject({ status: 400, error: { code: 'item.wrong_type' } });
    expect(await t.json(sync(id))).toMatchObject({ status: 501, error: { code: 'request.unsupported' } });
  });
});

const idIn = async (events: readonly ThreadStreamEvent[]): Promise<string> =>
  (events[0] as { thread: { id: string } }).thread.id;
