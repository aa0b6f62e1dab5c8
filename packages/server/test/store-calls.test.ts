// Each call of the store in turn: it fails, or the run is stopped while it is under way. A request that is refused leaves
// nothing, a stream tells what a reload shows, and the thread is free.
import {
  assistantMessage,
  type ChatKitRequestInput,
  clientToolCall,
  emptyThreadState,
  hiddenContext,
  isHiddenItem,
  itemAdded,
  itemDone,
  itemRemoved,
  itemReplaced,
  reduceThread,
  type Store,
  selectItems,
  structuredInputItem,
  type ThreadItem,
  type ThreadStreamEvent,
  textDelta,
  toWireItem,
  userMessage,
  widgetItem,
  widgetRootUpdated,
  workflowItem,
  workflowTaskAdded,
} from '@chatkit/core';
import { createMemoryStore } from '@chatkit/store/memory';
import { createVirtualClock } from '@chatkit/testing';
import { expect, test } from 'vitest';
import {
  ada,
  add,
  allItems,
  cancel,
  create,
  eventsOf,
  framesOf,
  input,
  named,
  outcomeOf,
  testServer,
  textOf,
  type User,
} from './support.ts';

const thread_id = 'thr_1';
const of = (id: string) => ({ id, thread_id, created_at: '2026-01-01T00:00:00Z' });
const task = (title: string) => ({ type: 'custom', status_indicator: 'none', title }) as const;
const call = (id: string) => clientToolCall({ ...of(id), call_id: id, name: 'pick', arguments: {} });

/** What is in the thread before. */
const items: readonly ThreadItem[] = [
  userMessage({ ...of('message'), content: [{ type: 'input_text', text: 'hi' }] }),
  widgetItem({ ...of('widget'), widget: { type: 'Card' } }),
  call('call'),
  call('other'),
  structuredInputItem({ ...of('question'), inputs: [] }),
  workflowItem({ ...of('workflow'), type: 'custom', tasks: [task('a')] }),
  assistantMessage({ ...of('replaced'), text: 'before' }),
  assistantMessage({ ...of('removed'), text: 'before' }),
];

const requests: [string, ChatKitRequestInput][] = [
  ['a first message', create('first')],
  ['a message', add(thread_id)],
  ['a retry', { type: 'threads.retry_after_item', params: { thread_id, item_id: 'message' } }],
  [
    'a retry in other words',
    { type: 'threads.retry_after_item', params: { thread_id, item_id: 'message', input: input('other') } },
  ],
  ['an output', { type: 'threads.add_client_tool_output', params: { thread_id, result: 1 } }],
  ['one output', { type: 'threads.add_client_tool_output', params: { thread_id, item_id: 'call', result: 1 } }],
  [
    'answers',
    { type: 'threads.add_structured_input', params: { thread_id, item_id: 'question', input: { answers: {} } } },
  ],
  ['an action', { type: 'threads.custom_action', params: { thread_id, item_id: 'widget', action: { type: 'press' } } }],
];

type Server = ReturnType<typeof testServer>;

/** What is asked meanwhile; nothing: the call fails. */
type Meanwhile = ((t: Server, threadId: string) => Promise<unknown>) | undefined;

const disturbances: [string, Meanwhile][] = [
  ['fails', undefined],
  ['goes on while the run is cancelled', (t) => t.json(cancel('r'))],
  ['goes on while a newer message comes', (t, threadId) => t.send(add(threadId, 'newer')).then(framesOf)],
];

/** The store, whose calls, those of transactions too, are begun with `before`. */
const watched = (store: Store<User>, before: () => Promise<unknown>): Store<User> =>
  new Proxy(store, {
    get(_, key) {
      const method: unknown = Reflect.get(store, key);
      if (typeof method !== 'function') return method;
      return async (...given: unknown[]) => {
        await before();
        if (key !== 'transaction') return method.apply(store, given);
        const [work, context] = given as Parameters<Store<User>['transaction']>;
        return store.transaction((inner) => work(watched(inner, before)), context);
      };
    },
  });

/** Asks once, with a disturbance at one call of the store. Resolves with whether there was such a call. */
const ask = async (request: ChatKitRequestInput, at: number, meanwhile: Meanwhile) => {
  const store = createMemoryStore<User>();
  await store.saveThread(
    { id: thread_id, created_at: of('').created_at, status: { type: 'active' }, metadata: {} },
    ada,
  );
  for (const item of items) await store.saveItem(thread_id, item, ada);
  const threadId = request.type === 'threads.create' ? 'thr_2' : thread_id;
  let other: Promise<unknown> | undefined;
  let calls = Number.NEGATIVE_INFINITY;
  const t: Server = testServer({
    clock: createVirtualClock(),
    store: watched(store, async () => {
      calls += 1;
      if (calls !== at) return;
      if (meanwhile === undefined) throw new Error('disk full');
      other = meanwhile(t, threadId);
      for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    }),
    generateThreadId: () => 'thr_2',
    async *respond(thread, message) {
      if (textOf(message ?? undefined) === 'newer') return;
      const about = { thread_id: thread.id };
      thread.metadata['seen'] = true;
      yield itemAdded(assistantMessage({ ...about, id: 'answer' }));
      yield textDelta('answer', 'half');
      yield itemDone(hiddenContext({ ...about, id: 'hidden', content: 'secret' }));
      yield itemDone(assistantMessage({ ...about, id: 'answer', text: 'half and half' }));
      yield widgetRootUpdated('widget', { type: 'Card', title: 'new' });
      yield workflowTaskAdded('workflow', task('b'), 1);
      yield itemReplaced(assistantMessage({ ...about, id: 'replaced', text: 'after' }));
      yield itemRemoved('removed');
      yield itemAdded(assistantMessage({ ...about, id: 'open', text: 'never done' }));
    },
    async *action(thread) {
      yield widgetRootUpdated('widget', { type: 'Card', title: 'pressed' });
      yield itemDone(assistantMessage({ thread_id: thread.id, id: 'pressed', text: 'you did' }));
    },
  });
  calls = 0;
  const response = await t.send(request, { headers: named('r') });
  const isRefused = response.status !== 200;
  const frames = isRefused ? [] : await framesOf(response);
  const isReached = calls >= at;
  calls = Number.NEGATIVE_INFINITY;
  await other;
  const next = await framesOf(await t.send(add(threadId, 'newer'), { headers: named('next') }));
  expect(outcomeOf(next)).toBe(isRefused && threadId === 'thr_2' ? undefined : 'completed');
  await t.server.close();
  const isSaid = (item: ThreadItem) => !isHiddenItem(item) && textOf(item) !== 'newer';
  const stored = await allItems(store, threadId).catch(() => []);
  if (isRefused) expect(stored.filter((item) => textOf(item) !== 'newer')).toEqual(threadId === 'thr_2' ? [] : items);
  else expect(byId(stored.filter(isSaid).map(toWireItem))).toEqual(byId(told(request, eventsOf(frames))));
  return isReached;
};

/** What a client shows that had the thread before. It takes away itself what it asks to have answered again. */
const told = (request: ChatKitRequestInput, events: readonly ThreadStreamEvent[]): ThreadItem[] => {
  const before = { 'threads.create': 0, 'threads.retry_after_item': 1 }[request.type as string] ?? items.length;
  return [...selectItems([...items.slice(0, before).map(itemDone), ...events].reduce(reduceThread, emptyThreadState))];
};

const byId = (list: readonly ThreadItem[]) => Object.fromEntries(list.map((item) => [item.id, item]));

test.each(requests.flatMap(([name, request]) => disturbances.map((each) => [name, ...each, request] as const)))(
  '%s, and a call of the store %s',
  async (_name, _how, meanwhile, request) => {
    for (let at = 1; await ask(request, at, meanwhile); at += 1);
  },
);
