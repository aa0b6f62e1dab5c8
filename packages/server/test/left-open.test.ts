// Items that respond() has begun and not finished: whatever becomes of the run, readers see each of them finished or
// removed, as a client that reloads does.
import {
  type AssistantMessageItem,
  assistantMessage,
  emptyThreadState,
  itemAdded,
  itemDone,
  reduceThread,
  type Store,
  selectItems,
  selectOpenItems,
  type ThreadStreamEvent,
  textDelta,
  widgetItem,
} from '@chatkit/core';
import { createOrderChecker } from '@chatkit/core/order';
import { createMemoryStore } from '@chatkit/store/memory';
import { hang, type ScriptStep, scriptedResponder } from '@chatkit/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  add,
  cancel,
  create,
  eventsOf,
  framesOf,
  named,
  outcomeOf,
  settle,
  shown,
  testServer,
  textOf,
  type User,
} from './support.ts';

type Message = 'with text' | 'without text' | 'without content' | 'with text, and without content at first' | 'hidden';
type Ending = 'ends' | 'throws' | 'is stopped';

const messages: readonly Message[] = [
  'with text',
  'without text',
  'without content',
  'with text, and without content at first',
  'hidden',
];

const begun = (threadId: string, id: string, what: Message): ThreadStreamEvent[] => {
  const item = assistantMessage({ thread_id: threadId, id });
  const { content: _, ...bare } = item;
  const hidden = {
    type: 'hidden_context_item' as const,
    id,
    thread_id: threadId,
    created_at: item.created_at,
    content: 'x',
  };
  const added = itemAdded(
    what === 'hidden' ? hidden : what.includes('without content') ? (bare as AssistantMessageItem) : item,
  );
  return what.startsWith('with text') ? [added, textDelta(id, 'so far')] : [added];
};

const endings: Record<Ending, ScriptStep[]> = {
  ends: [],
  throws: [{ type: 'script.fail', error: new Error('model gone') }],
  'is stopped': [hang()],
};

/** A store that fails to write some items, and to look up those of them that clients may see. */
const failing = (broken: ReadonlySet<string>, hidden: ReadonlySet<string>): Store<User> => {
  const store = createMemoryStore<User>();
  const fail = () => Promise.reject<never>(new Error('disk full'));
  return {
    ...store,
    saveItem: (threadId, item, context) => (broken.has(item.id) ? fail() : store.saveItem(threadId, item, context)),
    // One that is hidden is looked up when it is begun, and would fail the turn there.
    loadItem: (threadId, id, context) =>
      broken.has(id) && !hidden.has(id) ? fail() : store.loadItem(threadId, id, context),
  };
};

test('are finished or removed, for readers as in the store, and the run says so when the store has failed', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom(...messages), fc.boolean()), { minLength: 1, maxLength: 4 }),
      fc.constantFrom<Ending>('ends', 'throws', 'is stopped'),
      fc.constantFrom<'keep' | 'remove'>('keep', 'remove'),
      async (items, ending, partialOnError) => {
        const firstBroken = items.findIndex(([, isBroken]) => isBroken);
        const broken = new Set(items.flatMap(([, isBroken], at) => (isBroken ? [`m${at}`] : [])));
        const hidden = new Set(items.flatMap(([what], at) => (what === 'hidden' ? [`m${at}`] : [])));
        const t = testServer({
          store: failing(broken, hidden),
          partialOnError,
          respond: scriptedResponder(({ thread }) => [
            ...items.flatMap(([what], at) => begun(thread.id, `m${at}`, what)),
            ...endings[ending],
          ]),
        });
        const response = await t.send(create(), { headers: named('r') });
        await settle();
        if (ending === 'is stopped') await t.json(cancel('r'));
        const frames = await framesOf(response);
        const events = eventsOf(frames);
        const checker = createOrderChecker();
        for (const event of events) expect(checker.check(event)).toBeUndefined();
        for (const id of hidden) expect(JSON.stringify(events)).not.toContain(`"${id}"`);
        const state = events.reduce(reduceThread, emptyThreadState);
        expect(selectOpenItems(state)).toEqual([]);
        const thread = await t.json({ type: 'threads.get_by_id', params: { thread_id: state.thread?.id ?? '' } });
        expect(selectItems(state)).toEqual(thread.items.data);
        // Whatever came before the failure has been kept.
        const failsAt = ending === 'throws' ? 0 : ending === 'ends' && firstBroken >= 0 ? firstBroken : items.length;
        const keptUpTo = partialOnError === 'remove' ? failsAt : items.length;
        expect(selectItems(state).map(textOf)).toEqual([
          'hi',
          ...items.flatMap(([what, isBroken], at) =>
            what.startsWith('with text') && !isBroken && at < keptUpTo ? ['so far'] : [],
          ),
        ]);
        // A hidden one need not have been asked for.
        if ([...broken].some((id) => !hidden.has(id))) expect(t.errors.map(String)).toContain('Error: disk full');
        const outcome = { ends: broken.size > 0 ? 'failed' : 'completed', throws: 'failed', 'is stopped': 'cancelled' };
        expect(outcomeOf(frames)).toBe(outcome[ending]);
      },
    ),
    { numRuns: 60 },
  );
});

test('an item of an earlier turn that is announced again is as the store has it, if the turn does not finish it', async () => {
  for (const ending of ['ends', 'throws', 'is stopped'] as const) {
    const t = testServer({
      partialOnError: 'remove',
      respond: scriptedResponder(({ thread }, turn) => {
        const widget = widgetItem({ thread_id: thread.id, id: 'w', widget: { type: 'Card', title: 'first' } });
        const message = assistantMessage({ thread_id: thread.id, id: 'm', text: 'first' });
        return turn === 0
          ? [itemDone(widget), itemDone(message)]
          : [itemAdded(widget), itemAdded({ ...message, content: [] }), ...endings[ending]];
      }),
    });
    const thread_id = await t.create();
    const response = await t.send(add(thread_id), { headers: named('r') });
    await settle();
    if (ending === 'is stopped') await t.json(cancel('r'));
    const told = shown(eventsOf(await framesOf(response)));
    const stored = (await t.items(thread_id)).filter(({ id }) => id === 'w' || id === 'm');
    expect(stored).toMatchObject([{ widget: { title: 'first' } }, { content: [{ text: 'first' }] }]);
    expect(told.filter(({ type }) => type !== 'user_message')).toEqual(stored);
  }
});
