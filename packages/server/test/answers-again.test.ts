// What a page says to the assistant's tools and questions, said again under its run's id to a server that has never heard of the run,
// because the one that stored it has died.
import {
  assistantMessage,
  type ChatKitRequestInput,
  clientToolCall,
  hiddenContext,
  itemAdded,
  itemDone,
  structuredInputItem,
  type ThreadItem,
  type ThreadStreamEvent,
} from '@chatkit/core';
import { createMemoryStore } from '@chatkit/store/memory';
import { createVirtualClock } from '@chatkit/testing';
import { describe, expect, test } from 'vitest';
import {
  ada,
  add,
  allItems,
  cancel,
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

const runId = (digit: number) => `run_${String(digit).repeat(24)}`;
const again = (digit: number) => ({ ...named(runId(digit)), 'chatkit-repeat': '1' });

/** A tool's call, or questions, and what the page says to them. */
const kinds = {
  'the output of a tool': {
    ask: (thread_id: string): ThreadItem =>
      clientToolCall({ id: 'asked', thread_id, call_id: 'call', name: 'pick', arguments: {} }),
    say: (thread_id: string, value = 'a') => ({
      type: 'threads.add_client_tool_output' as const,
      params: { thread_id, item_id: 'asked', result: { value } },
    }),
  },
  'answers to questions': {
    ask: (thread_id: string): ThreadItem =>
      structuredInputItem({
        id: 'asked',
        thread_id,
        inputs: [{ type: 'multiple_choice', id: 'q', question: '?', options: [{ value: 'a' }, { value: 'b' }] }],
      } as never),
    say: (thread_id: string, value = 'a') => ({
      type: 'threads.add_structured_input' as const,
      params: {
        thread_id,
        item_id: 'asked',
        input: { status: 'answered' as const, answers: { q: { values: [value] } } },
      },
    }),
  },
};

describe.each(Object.entries(kinds))('%s', (_, { ask, say }) => {
  /** A server that died when it had stored what the page said, and `behind` of what the assistant said to that. */
  const died = async (...behind: string[]) => {
    const store = createMemoryStore<User>();
    const before = testServer({
      store,
      async *respond(thread, input) {
        if (input !== null) {
          yield itemDone(ask(thread.id));
          return;
        }
        for (const text of behind) yield itemDone(assistantMessage({ thread_id: thread.id, text }));
        yield itemDone(hiddenContext({ thread_id: thread.id, content: 'half way' }));
        await new Promise(() => {});
      },
    });
    const threadId = await before.create('Hi');
    void before.send(say(threadId), { headers: named(runId(1)) });
    await settle();
    const calls: (string | null)[] = [];
    const after = testServer({
      store,
      async *respond(thread, input) {
        calls.push(input && textOf(input));
        yield itemDone(assistantMessage({ thread_id: thread.id, text: 'new' }));
      },
    });
    const texts = async () => (await allItems(store, threadId, ada)).map(textOf).filter((text) => text.length > 0);
    return { after, threadId, texts, calls };
  };

  test('the assistant goes on, and what it had said is taken back', async () => {
    const { after, threadId, texts, calls } = await died('old');
    expect(await after.json(say(threadId), { headers: named(runId(1)) })).toMatchObject({
      status: 409,
      error: { code: 'item.not_pending' },
    });
    const frames = await framesOf(await after.send(say(threadId), { headers: again(1) }));
    expect(outcomeOf(frames)).toBe('completed');
    const events: ThreadStreamEvent[] = eventsOf(frames);
    expect(shown(events.filter(({ type }) => type !== 'thread.item.replaced')).map(textOf)).toEqual(['new']);
    expect(await texts()).toEqual(['Hi', 'new']);
    expect((await after.items(threadId)).map(({ type }) => type)).not.toContain('hidden_context_item');
    expect(calls).toEqual([null]);
  });

  test('said for the first time where the user has gone on elsewhere, it waits for the answer that is written there', async () => {
    let finish = () => {};
    const t = testServer({
      async *respond({ id: thread_id }, input) {
        if (input === null) yield itemDone(assistantMessage({ thread_id, text: 'went on' }));
        else if (textOf(input) === 'Hi') yield itemDone(ask(thread_id));
        else {
          const item = assistantMessage({ thread_id });
          yield itemAdded(item);
          await new Promise<void>((resolve) => {
            finish = resolve;
          });
          yield itemDone(assistantMessage({ id: item.id, thread_id, text: 'whole' }));
        }
      },
    });
    const threadId = await t.create('Hi');
    const next = t.send(add(threadId, 'Next'), { headers: named(runId(2)) });
    await settle();
    const said = t.send(say(threadId), { headers: named(runId(3)) });
    await settle();
    finish();
    expect(outcomeOf(await framesOf(await next))).toBe('completed');
    expect(outcomeOf(await framesOf(await said))).toBe('completed');
    expect((await t.items(threadId)).map(textOf).filter(Boolean)).toEqual(['Hi', 'Next', 'whole', 'went on']);
  });

  test('stopped before it went on, it is refused, and leaves what was there', async () => {
    const { after, threadId } = await died('old');
    const before = await after.items(threadId);
    const { deleteItem, listItems } = after.store;
    const stopFirst =
      <Given extends unknown[], Found>(method: (...given: Given) => Promise<Found>) =>
      async (...given: Given): Promise<Found> => {
        Object.assign(after.store, { deleteItem, listItems });
        void after.json(cancel(runId(1)));
        await settle();
        return method(...given);
      };
    Object.assign(after.store, { deleteItem: stopFirst(deleteItem), listItems: stopFirst(listItems) });
    const refused = await after.json(say(threadId), { headers: again(1) });
    expect(refused).toMatchObject({ status: 409, error: { code: 'run.cancelled' } });
    expect(await after.items(threadId)).toEqual(before);
  });

  test('in other words it is refused', async () => {
    const { after, threadId, calls } = await died();
    const refused = await after.json(say(threadId, 'b'), { headers: again(1) });
    expect(refused).toMatchObject({ status: 409, error: { code: 'item.not_pending' } });
    expect(calls).toEqual([]);
  });

  test('when the conversation has gone on, what is there is told', async () => {
    const { after, threadId, texts, calls } = await died('old');
    await after.events(add(threadId, 'Next'));
    const frames = await framesOf(await after.send(say(threadId), { headers: again(1) }));
    expect(outcomeOf(frames)).toBe('completed');
    expect(shown(eventsOf(frames)).map(textOf).filter(Boolean)).toEqual(['old']);
    expect(calls).toEqual(['Next']);
    expect(await texts()).toEqual(['Hi', 'old', 'Next', 'new']);
  });

  test.each([
    ['what there is is told', true],
    ['the assistant goes on if none of it can be seen', false],
  ])('where its run is known to have completed, %s', async (_, isVisible) => {
    const clock = createVirtualClock();
    let answers = 0;
    const t = testServer({
      clock,
      retain: { ms: 1_000 },
      async *respond({ id: thread_id }, input) {
        if (input !== null) return yield itemDone(ask(thread_id));
        answers += 1;
        yield itemDone(
          isVisible ? assistantMessage({ thread_id, text: 'old' }) : hiddenContext({ thread_id, content: '' }),
        );
      },
    });
    const threadId = await t.create('Hi');
    await t.events(say(threadId), { headers: named(runId(1)) });
    const before = await t.items(threadId);
    await clock.advance(2_000);
    const told = await t.events(say(threadId), { headers: again(1) });
    const [first, ...events] = told.filter(({ type }) => type !== 'stream_options');
    expect(first).toMatchObject({ type: 'thread.item.replaced', item: before[1] });
    expect(answers).toBe(isVisible ? 1 : 2);
    if (!isVisible) return;
    expect(shown(events).map(textOf)).toEqual(['old']);
    expect(await t.items(threadId)).toEqual(before);
  });

  test.each([
    ['is open, it is told', false],
    ['has been answered, the assistant goes on behind that', true],
  ])('where a further one %s', async (_, isAnswered) => {
    const store = createMemoryStore<User>();
    let turn = 0;
    const before = testServer({
      store,
      async *respond({ id: thread_id }) {
        const id = ['asked', 'further'][turn++];
        if (id !== undefined) return yield itemDone({ ...ask(thread_id), id });
        yield itemDone(assistantMessage({ thread_id, text: 'old' }));
        await new Promise(() => {});
      },
    });
    const threadId = await before.create('Hi');
    await before.events(say(threadId), { headers: named(runId(1)) });
    const { type, params } = say(threadId);
    if (isAnswered) void before.send({ type, params: { ...params, item_id: 'further' } } as ChatKitRequestInput);
    await settle();
    const [message, asked, further] = await before.items(threadId);
    const after = testServer({
      store,
      async *respond({ id: thread_id }) {
        yield itemDone(assistantMessage({ id: 'new', thread_id, text: 'new' }));
      },
    });
    const events = await after.events(say(threadId), { headers: again(1) });
    const items = await after.items(threadId);
    expect(items.slice(0, 3)).toEqual([message, asked, further]);
    expect(items.slice(3).map(textOf)).toEqual(isAnswered ? ['new'] : []);
    expect(shown(events).map(({ id }) => id)).toEqual(['asked', isAnswered ? 'new' : 'further']);
  });
});
