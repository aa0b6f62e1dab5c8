// Updates of items that are finished: a widget after its action, a workflow that a later turn goes on with. Stored as all else is.
import {
  assistantMessage,
  itemAdded,
  itemDone,
  itemRemoved,
  itemReplaced,
  type Store,
  type ThreadItem,
  type ThreadStreamEvent,
  textDelta,
  widgetItem,
  widgetRootUpdated,
  workflowItem,
  workflowTaskAdded,
  workflowTaskUpdated,
} from '@chatkit/core';
import { createMemoryLease, createMemoryLog, createMemoryStore } from '@chatkit/store/memory';
import { createVirtualClock } from '@chatkit/testing';
import { decodeSse } from '@chatkit/transport';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ada, add, create, type Options, optIn, settle, shown, testServer, type User } from './support.ts';

const thread_id = 'thr_1';
const created_at = '2026-01-01T00:00:00Z';
const about = (id: string) => ({ id, thread_id, created_at });
const task = (title: string) => ({ type: 'custom', status_indicator: 'none', title }) as const;

const makers = {
  message: (text: string) => assistantMessage({ ...about('message'), text }),
  widget: (title: string) => widgetItem({ ...about('widget'), widget: { type: 'Card', title } }),
  workflow: (title: string) => workflowItem({ ...about('workflow'), type: 'custom', tasks: [task(title)] }),
};
const updates = {
  message: (text: string) => textDelta('message', text),
  widget: (title: string) => widgetRootUpdated('widget', { type: 'Card', title }),
  workflow: (title: string) => workflowTaskAdded('workflow', task(title), 1),
};

const retitled = (title: string, at: number) => workflowTaskUpdated('workflow', task(title), at);

interface TurnOf {
  readonly events: readonly ThreadStreamEvent[];
  readonly fails?: boolean;
}

/** One turn after the other in one thread: the events of each, and how it ends. */
const play = async (turns: readonly TurnOf[], options: Options = {}) => {
  let turn = 0;
  const t = testServer({
    generateThreadId: () => thread_id,
    async *respond() {
      const { events, fails = false } = turns[turn++] ?? { events: [] };
      yield* events;
      if (fails) throw new Error('gone');
    },
    ...options,
  });
  const told = await t.events(create());
  for (const _ of turns.slice(1)) told.push(...(await t.events(add(thread_id))));
  return compared(told, t);
};

/** The items that a reader has been told of, and those that it gets when it reloads. */
const compared = async (told: readonly ThreadStreamEvent[], t: ReturnType<typeof testServer>) => {
  const { items } = await t.json({ type: 'threads.get_by_id', params: { thread_id } });
  const byId = (list: readonly ThreadItem[]) => Object.fromEntries(list.map((item) => [item.id, item]));
  return { told: byId(shown(told)), reloaded: byId(items.data) };
};

/**
 * The same, but the machine of the last turn dies behind its last event, or before the first that `isLost`, and another
 * one ends its run.
 */
const playAndDie = async (
  turns: readonly TurnOf[],
  { meanwhile = async (_: Store<User>) => {}, isLost = (_: string): boolean => false } = {},
) => {
  const clock = createVirtualClock();
  const lease = createMemoryLease({ ttlMs: 1_000, clock });
  const never = () => new Promise<never>(() => {});
  let turn = 0;
  const store = createMemoryStore<User>();
  const shared = {
    clock,
    store,
    log: createMemoryLog(),
    contextOf: (userId: string) => ({ userId }),
    generateThreadId: () => thread_id,
  };
  const survivor = testServer({
    ...shared,
    lease,
    async *respond() {
      const { events, fails = false } = turns[turn++] as TurnOf;
      yield* events;
      if (fails) throw new Error('gone');
    },
  });
  const { log } = shared;
  const dying = testServer({
    ...shared,
    log: { ...log, append: (id, of) => (isLost(JSON.stringify(of)) ? never() : log.append(id, of)) },
    lease: { ...lease, renew: never, release: never, reap: never },
    async *respond() {
      yield* turns.at(-1)?.events ?? [];
      await never();
    },
  });
  const told: ThreadStreamEvent[] = [];
  const ask = () => (told.length === 0 ? create() : add(thread_id));
  for (const _ of turns.slice(1)) told.push(...(await survivor.events(ask())));
  const last = dying.events(ask(), { headers: optIn });
  await settle();
  await meanwhile(store);
  await clock.advance(3_000);
  told.push(...(await last));
  const seen = await compared(told, survivor);
  await Promise.all([survivor, dying].map(({ server }) => server.close()));
  return seen;
};

const kind = fc.constantFrom('message', 'widget', 'workflow');
const text = fc.constantFrom('a', 'b', 'c');
const event: fc.Arbitrary<ThreadStreamEvent> = fc.oneof(
  fc.tuple(kind, text).map(([of, said]) => itemAdded(makers[of](said))),
  fc.tuple(kind, text).map(([of, said]) => itemDone(makers[of](said))),
  fc.tuple(kind, text).map(([of, said]) => itemReplaced(makers[of](said))),
  kind.map((of) => itemRemoved(of)),
  { weight: 4, arbitrary: fc.tuple(kind, text).map(([of, said]) => updates[of](said)) },
  fc.tuple(text, fc.nat(1)).map(([said, at]) => retitled(said, at)),
);
const someTurns = fc.array(fc.record({ events: fc.array(event, { maxLength: 6 }), fails: fc.boolean() }), {
  minLength: 1,
  maxLength: 3,
});

test('whatever turns do to items, a reload shows what was shown', async () => {
  await fc.assert(
    fc.asyncProperty(someTurns, async (turns) => {
      const { told, reloaded } = await play(turns);
      expect(reloaded).toEqual(told);
    }),
  );
});

const inTwoTurns = (...turns: ThreadStreamEvent[][]): [{ events: ThreadStreamEvent[]; fails: boolean }[]] => [
  turns.map((events) => ({ events, fails: false })),
];

test('when the machine of a turn dies, a reload shows what was shown as well', async () => {
  await fc.assert(
    fc.asyncProperty(someTurns, async (turns) => {
      const { told, reloaded } = await playAndDie(turns);
      expect(reloaded).toEqual(told);
    }),
    {
      examples: [
        inTwoTurns([itemDone(makers.widget('a'))], [updates.widget('b')]),
        inTwoTurns([itemDone(makers.workflow('a')), updates.workflow('b')], [retitled('c', 0), retitled('c', 1)]),
      ],
    },
  );
});

test.each(['this turn', 'an earlier one'])(
  'what was stored of %s by the run that died, and has been changed since, stays changed',
  async (turn) => {
    const first = [itemDone(makers.widget('a'))];
    const last = [updates.widget('b'), itemDone(makers.message('done')), updates.message('.')];
    const { reloaded } = await playAndDie(
      turn === 'this turn' ? [{ events: [] }, { events: [...first, ...last] }] : [{ events: first }, { events: last }],
      { meanwhile: (store) => store.saveItem(thread_id, makers.widget('c'), ada) },
    );
    expect(reloaded).toMatchObject({ widget: makers.widget('c'), message: makers.message('done.') });
  },
);

test('what was shown of an earlier turn as it is by now is stored, where the machine dies right behind it', async () => {
  const { told, reloaded } = await playAndDie(
    [
      { events: [itemDone(makers.workflow('a'))] },
      { events: [retitled('b', 0), updates.workflow('c'), updates.workflow('d')] },
    ],
    { isLost: (entries) => entries.includes('workflow.task.added') },
  );
  expect(told['workflow']).toEqual(makers.workflow('b'));
  expect(reloaded).toEqual(told);
});

test('an item of an earlier turn is sent as it is by now before the first update that would add to it twice', async () => {
  const events = [retitled('b', 0), updates.workflow('c'), updates.workflow('d')];
  let turn = 0;
  const t = testServer({
    generateThreadId: () => thread_id,
    async *respond() {
      yield* turn++ === 0 ? [itemDone(makers.workflow('a'))] : events;
    },
  });
  await t.create();
  const told = await t.events(add(thread_id));
  expect(told.slice(2)).toEqual([events[0], itemReplaced(makers.workflow('b')), events[1], events[2]]);
});

test('an update that was shown stays when the turn is stopped behind it', async () => {
  const t = testServer({
    async *respond() {
      yield itemDone(makers.widget('press me'));
    },
    async *action() {
      yield updates.widget('pressed');
      await new Promise(() => {});
    },
    generateThreadId: () => thread_id,
    cancelGraceMs: 0,
  });
  await t.create();
  const leaving = new AbortController();
  const action = {
    type: 'threads.custom_action',
    params: { thread_id, item_id: 'widget', action: { type: 'press' } },
  } as const;
  const response = await t.send(action, { signal: leaving.signal });
  for await (const { data } of decodeSse(response.body as ReadableStream<Uint8Array>)) {
    if (data?.includes('pressed')) break;
  }
  leaving.abort();
  await t.server.close();
  expect((await t.items(thread_id)).find(({ id }) => id === 'widget')).toMatchObject({ widget: { title: 'pressed' } });
});

test.each([
  ['once', 1, 'b'],
  ['always', Number.POSITIVE_INFINITY, 'a'],
])('an update that the store refuses %s keeps no other from being stored', async (_, refusals, title) => {
  const store = createMemoryStore<User>();
  let refused = 0;
  const { told, reloaded } = await play(
    [
      { events: [itemDone(makers.widget('a')), itemDone(makers.workflow('a'))] },
      { events: [updates.widget('b'), updates.workflow('b'), itemDone(makers.message('done'))] },
    ],
    {
      store: {
        ...store,
        async saveItem(threadId, item, context) {
          const isRevised = item.type === 'widget' && item.widget['title'] === 'b';
          if (isRevised && refused++ < refusals) throw new Error('busy');
          await store.saveItem(threadId, item, context);
        },
      },
    },
  );
  expect(reloaded).toEqual({ ...told, widget: makers.widget(title) });
});

test('a workflow that goes on is written once, not with each token of a thought', async () => {
  const store = createMemoryStore<User>();
  let writes = 0;
  const thought = (content: string) => ({ type: 'thought', status_indicator: 'none', content }) as const;
  const counted = {
    ...store,
    saveItem: (...args: Parameters<typeof store.saveItem>) => {
      if (args[1].id === 'workflow') writes += 1;
      return store.saveItem(...args);
    },
  };
  const { told, reloaded } = await play(
    [
      { events: [itemDone(makers.workflow('a'))] },
      {
        events: [
          ...['T', 'Th', 'Thi'].map((text) => workflowTaskUpdated('workflow', thought(text), 0)),
          itemDone(makers.message('done')),
        ],
      },
    ],
    { store: counted },
  );
  expect(reloaded).toEqual(told);
  expect(writes).toBe(2);
});
