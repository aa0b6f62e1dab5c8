// Stopping a run: by a client that leaves, by runs.cancel, by the signal; and what is left in the thread.
import {
  assistantMessage,
  hiddenContext,
  itemAdded,
  itemDone,
  itemReplaced,
  progressUpdate,
  type ThreadMetadata,
  type ThreadStreamEvent,
  taskItem,
  textDelta,
  widgetItem,
  workflowItem,
  workflowTaskAdded,
} from '@chatkit/core';
import { createOrderChecker } from '@chatkit/core/order';
import { createMemoryStore } from '@chatkit/store/memory';
import { createVirtualClock, hang, say, scriptedResponder } from '@chatkit/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isPartialAnswer } from '../src/partial-answer.ts';
import { processEvents } from '../src/process-events.ts';
import {
  ada,
  add,
  create,
  eve,
  eventsOf,
  framesOf,
  optIn,
  outcomeOf,
  outline,
  readUntil,
  settle,
  shown,
  testServer,
  textOf,
  type User,
} from './support.ts';

const note = 'The user cancelled the stream. Stop responding to the prior request.';
const until = (text: string) => (events: ThreadStreamEvent[]) => JSON.stringify(events).includes(text);
const idOf = (events: readonly ThreadStreamEvent[]) => (events[0] as { thread: { id: string } }).thread.id;

/** Answers "Hello, World" and then waits to be stopped. */
const halfway = (options: { deaf?: boolean } = {}) =>
  scriptedResponder((call) => [
    itemAdded(assistantMessage({ thread_id: call.thread.id, id: 'a' })),
    textDelta('a', 'Hello, '),
    textDelta('a', 'World'),
    hang(options),
  ]);

describe('a plain client that disconnects', () => {
  test('stops the run: partial text is kept, a hidden note is added, finally runs', async () => {
    const respond = halfway();
    const t = testServer({ respond });
    const events = eventsOf(await readUntil(await t.send(create()), until('World')));
    await settle();
    expect(respond.calls[0]).toMatchObject({ outcome: 'threw', signal: { aborted: true } });
    const items = await t.items(idOf(events));
    expect(items.map(({ type }) => type)).toEqual(['user_message', 'assistant_message', 'sdk_hidden_context']);
    expect(items.map(textOf)[1]).toBe('Hello, World');
    expect(items[2]).toMatchObject({ content: note });
  });

  test('an answer without text is not kept', async () => {
    const t = testServer({
      respond: scriptedResponder((call) => [itemAdded(assistantMessage({ thread_id: call.thread.id })), hang()]),
    });
    const events = eventsOf(await readUntil(await t.send(create()), until('item.added')));
    await settle();
    expect((await t.items(idOf(events))).map(({ type }) => type)).toEqual(['user_message', 'sdk_hidden_context']);
  });

  test('stops it by the request’s signal too, before it has read anything', async () => {
    const respond = halfway();
    const t = testServer({ respond });
    const client = new AbortController();
    await t.send(create(), { signal: client.signal });
    await settle();
    client.abort();
    await settle();
    expect(respond.calls[0]?.outcome).toBe('threw');
  });

  test('a request that was aborted before it was read leaves no run behind', async () => {
    const respond = halfway();
    const t = testServer({ respond });
    expect((await t.send(create(), { signal: AbortSignal.abort() })).status).toBe(409);
    expect(respond.calls).toHaveLength(0);
    expect(await t.json({ type: 'threads.list', params: {} })).toMatchObject({ data: [] });
  });
});

describe('a generator that ignores its signal', () => {
  test('is abandoned after the grace period, and its late values never reach the store', async () => {
    const clock = createVirtualClock();
    let release = () => {};
    let finallyRan = false;
    const t = testServer({
      clock,
      cancelGraceMs: 500,
      async *respond(thread, message) {
        if (textOf(message ?? undefined) !== 'hi') {
          yield itemDone(assistantMessage({ thread_id: thread.id, text: 'second' }));
          return;
        }
        try {
          yield itemAdded(assistantMessage({ thread_id: thread.id, id: 'a' }));
          yield textDelta('a', 'early');
          await new Promise<void>((resolve) => {
            release = resolve;
          });
          yield textDelta('a', ' late');
          yield itemDone(assistantMessage({ thread_id: thread.id, id: 'late', text: 'late' }));
        } finally {
          finallyRan = true;
        }
      },
    });
    const events = eventsOf(await readUntil(await t.send(create()), until('early')));
    const id = idOf(events);
    const next = t.events(add(id, 'two'));
    await clock.advance(499);
    expect((await t.items(id)).map(textOf)).toEqual(['hi']);
    await clock.advance(1);
    await next;
    const settled = (await t.items(id)).map((item) => textOf(item) || item.type);
    expect(settled).toEqual(['hi', 'early', 'sdk_hidden_context', 'two', 'second']);
    release();
    await settle();
    expect(finallyRan).toBe(true);
    expect((await t.items(id)).map((item) => textOf(item) || item.type)).toEqual(settled);
    expect(clock.pending).toBe(0);
  });
});

describe('runs.cancel', () => {
  const begin = async (respond = halfway(), options = {}) => {
    const t = testServer({ respond, ...options });
    const response = await t.send(create(), { headers: { ...optIn, 'chatkit-run-id': 'my-run' } });
    return {
      t,
      response,
      cancel: (run_id = 'my-run', context = ada) => t.json({ type: 'runs.cancel', params: { run_id } }, { context }),
    };
  };

  test('ends the stream with what is kept and the outcome, and answers {}', async () => {
    const respond = halfway();
    const { t, response, cancel } = await begin(respond);
    await settle();
    expect(await cancel()).toEqual({ status: 200 });
    const frames = await framesOf(response);
    expect(outcomeOf(frames)).toBe('cancelled');
    const events = eventsOf(frames);
    expect(outline(events).at(-1)).toBe('thread.item.done assistant_message');
    expect(shown(events)).toEqual((await t.items(idOf(events))).filter(({ type }) => type !== 'sdk_hidden_context'));
    expect(respond.calls[0]?.outcome).toBe('threw');
  });

  test('what is not kept is taken back from readers', async () => {
    const { response, cancel } = await begin(
      scriptedResponder((call) => [
        itemAdded(workflowItem({ thread_id: call.thread.id, id: 'wf', type: 'reasoning' })),
        workflowTaskAdded('wf', { type: 'thought', content: 'hm', status_indicator: 'none' }, 0),
        hang(),
      ]),
    );
    await settle();
    await cancel();
    expect(outline(eventsOf(await framesOf(response))).at(-1)).toBe('thread.item.removed');
  });

  test('twice, after the end, by somebody else, of an unknown run', async () => {
    const { response, cancel } = await begin();
    await settle();
    const unknown = await cancel('nobody', eve);
    expect(unknown).toMatchObject({ status: 404, error: { code: 'run.not_found' } });
    expect(await cancel('my-run', eve)).toEqual(unknown);
    expect(await Promise.all([cancel(), cancel()])).toEqual([{ status: 200 }, { status: 200 }]);
    expect(outcomeOf(await framesOf(response))).toBe('cancelled');
    expect(await cancel()).toEqual({ status: 200 });
  });

  test('a title that was set before the stop is kept', async () => {
    const { t, cancel, response } = await begin(
      scriptedResponder((call) => [
        { type: 'script.run', work: () => Object.assign(call.thread, { title: 'T' }) },
        hang(),
      ]),
    );
    await settle();
    await cancel();
    const id = idOf(eventsOf(await framesOf(response)));
    expect((await t.store.loadThread(id, ada)).thread.title).toBe('T');
  });

  test('the override decides what is kept, and the stream tells what it decided', async () => {
    const { t, response, cancel } = await begin(halfway(), {
      async handleStreamCancelled(thread: ThreadMetadata, pending: { id: string }[]) {
        expect(pending.map(({ id }) => id)).toEqual(['a']);
        await t.store.saveItem(thread.id, assistantMessage({ thread_id: thread.id, id: 'a', text: 'shortened' }), ada);
      },
    });
    await settle();
    await cancel();
    const events = eventsOf(await framesOf(response));
    expect(shown(events).map(textOf)).toEqual(['hi', 'shortened']);
  });

  test('items that the override returns are stored and told; hidden ones are stored alone', async () => {
    const { t, response, cancel } = await begin(halfway(), {
      async handleStreamCancelled(thread: ThreadMetadata) {
        const task = { type: 'custom', status_indicator: 'none', title: 'Stopped' } as const;
        return [
          taskItem({ thread_id: thread.id, id: 'mark', task }),
          hiddenContext({ thread_id: thread.id, id: 'note', content: 'a note' }),
        ];
      },
    });
    await settle();
    await cancel();
    const events = eventsOf(await framesOf(response));
    expect(shown(events).map(({ id }) => id)).toContain('mark');
    expect(JSON.stringify(events)).not.toContain('a note');
    const page = await t.store.listItems(idOf(events), { limit: 10, order: 'asc' }, ada);
    expect(page.data.map(({ id }) => id).slice(-2)).toEqual(['mark', 'note']);
  });

  test('an override that fails does not keep the run from settling', async () => {
    const { t, response, cancel } = await begin(halfway(), {
      async handleStreamCancelled() {
        throw new Error('disk full');
      },
    });
    await settle();
    await cancel();
    const frames = await framesOf(response);
    expect(outcomeOf(frames)).toBe('cancelled');
    expect(outline(eventsOf(frames)).at(-1)).toBe('thread.item.removed');
    expect(t.errors).toHaveLength(1);
  });
});

describe('the core loop, driven by hand', () => {
  /** Runs a turn; the signal aborts inside the `stopAt`-th event's way out, which then waits until `room` lets it go on. */
  const drive = async (
    respond: (thread: ThreadMetadata) => AsyncIterable<ThreadStreamEvent>,
    { stopAt, room, first }: { stopAt?: number; room?: Promise<void>; first?: readonly ThreadStreamEvent[] } = {},
  ) => {
    const store = createMemoryStore<User>();
    const thread = { id: 'thr', created_at: '2026-01-01T00:00:00Z', status: { type: 'active' as const }, metadata: {} };
    const version = await store.saveThread(thread, ada);
    const cancelled: string[][] = [];
    const abort = new AbortController();
    const emitted: ThreadStreamEvent[] = [];
    const emit = (event: ThreadStreamEvent) => {
      if (emitted.push(event) !== stopAt) return undefined;
      abort.abort();
      return room;
    };
    const result = await processEvents<User>({
      writer: {
        write: emit,
        writeText(itemId, part, deltas) {
          let waited: Promise<void> | undefined;
          for (const delta of deltas) waited = emit(textDelta(itemId, delta, part)) ?? waited;
          return waited;
        },
      },
      store,
      thread: { thread, version },
      context: ada,
      signal: abort.signal,
      clock: createVirtualClock(),
      cancelGraceMs: 100,
      maxEventBytes: 1_000_000,
      partialOnError: 'keep',
      first,
      source: respond,
      streamOptions: () => ({ allow_cancel: true }),
      async onCancelled(of, pending) {
        cancelled.push(pending.map(textOf));
        for (const item of pending) if (isPartialAnswer(item)) await store.saveItem(of.id, item, ada);
      },
      onError() {},
    });
    return { store, emitted, cancelled, result };
  };
  async function* hello(thread: ThreadMetadata) {
    yield itemAdded(assistantMessage({ thread_id: thread.id, id: 'a' }));
    yield textDelta('a', 'Hello');
    yield itemDone(assistantMessage({ thread_id: thread.id, id: 'a', text: 'Hello' }));
  }

  test.each([
    ['at once', undefined],
    ['after waiting for room', Promise.resolve()],
  ])('an abort runs the hook once, and the application’s finally (%s)', async (_, room) => {
    let finallyRan = 0;
    const stopAt = 3;
    const { emitted, cancelled, result, store } = await drive(
      async function* (thread) {
        try {
          yield* hello(thread);
        } finally {
          finallyRan += 1;
        }
      },
      { stopAt, ...(room === undefined ? {} : { room }) },
    );
    expect(result).toBe('stopped');
    expect(cancelled).toEqual([['Hello']]);
    expect(finallyRan).toBe(1);
    expect(textOf(await store.loadItem('thr', 'a', ada))).toBe('Hello');
    expect(outline(emitted.slice(stopAt))).toEqual(['thread.item.done assistant_message']);
  });

  test('of the server’s own events, those after the abort are neither stored nor sent', async () => {
    const first = ['one', 'two'].map((id) => itemDone(assistantMessage({ thread_id: 'thr', id, text: id })));
    const { emitted, result, store } = await drive(hello, { first, stopAt: 2 });
    expect(result).toBe('stopped');
    expect(outline(emitted)).toEqual(['stream_options', 'thread.item.done assistant_message']);
    const { data } = await store.listItems('thr', { limit: 10, order: 'asc' }, ada);
    expect(data.map(({ id }) => id)).toEqual(['one']);
  });

  test('before the application is called nothing of it runs', async () => {
    let called = 0;
    const { cancelled, result } = await drive(
      (thread) => {
        called += 1;
        return hello(thread);
      },
      { stopAt: 1 },
    );
    expect([result, called, cancelled]).toEqual(['stopped', 0, [[]]]);
  });

  test('without an abort it ends with "completed" and the hook is not called', async () => {
    const { result, cancelled } = await drive(hello);
    expect(result).toBe('completed');
    expect(cancelled).toEqual([]);
  });

  test('deltas of parts and items in any order are kept as the reducer keeps them', async () => {
    const delta = fc.record({ id: fc.constantFrom('a', 'b'), part: fc.nat(2), text: fc.string({ maxLength: 3 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(delta, { maxLength: 30 }), async (deltas) => {
        const events = (thread: ThreadMetadata): ThreadStreamEvent[] => [
          itemAdded(assistantMessage({ thread_id: thread.id, id: 'a', created_at: '2026-01-01T00:00:00Z' })),
          itemAdded(assistantMessage({ thread_id: thread.id, id: 'b', created_at: '2026-01-01T00:00:00Z' })),
          ...deltas.map(({ id, part, text }) => textDelta(id, text, part)),
          itemAdded(assistantMessage({ thread_id: thread.id, id: 'c', created_at: '2026-01-01T00:00:00Z' })),
        ];
        const { store } = await drive(
          async function* (thread) {
            yield* events(thread);
          },
          { stopAt: deltas.length + 4 },
        );
        const expected = shown(events({ id: 'thr' } as ThreadMetadata)).filter(isPartialAnswer);
        const { data } = await store.listItems('thr', { limit: 10, order: 'asc' }, ada);
        expect(data).toEqual(expected);
      }),
    );
  });
});

/** A turn with everything that can be half-done in it. */
const rich = (thread: { id: string }): ThreadStreamEvent[] => {
  const base = { thread_id: thread.id };
  return [
    progressUpdate('Thinking'),
    itemAdded(workflowItem({ ...base, id: 'wf', type: 'reasoning' })),
    workflowTaskAdded('wf', { type: 'thought', content: 'hm', status_indicator: 'loading' }, 0),
    itemDone(
      workflowItem({
        ...base,
        id: 'wf',
        type: 'reasoning',
        tasks: [{ type: 'thought', content: 'hm', status_indicator: 'complete' }],
      }),
    ),
    itemAdded(assistantMessage({ ...base, id: 'a' })),
    textDelta('a', 'Hel'),
    itemAdded(widgetItem({ ...base, id: 'w', widget: { type: 'Card', children: [] } })),
    textDelta('a', 'lo'),
    {
      type: 'thread.item.updated',
      item_id: 'w',
      update: { type: 'widget.root.updated', widget: { type: 'Card', title: 'x' } },
    },
    itemDone(assistantMessage({ ...base, id: 'a', text: 'Hello' })),
    itemDone(widgetItem({ ...base, id: 'w', widget: { type: 'Card', title: 'x' } })),
    itemReplaced(widgetItem({ ...base, id: 'w', widget: { type: 'Card', title: 'y' } })),
    itemDone({
      type: 'client_tool_call',
      ...base,
      id: 'tc',
      created_at: new Date().toISOString(),
      call_id: 'c',
      name: 'n',
      arguments: {},
      status: 'pending',
    }),
    itemAdded(assistantMessage({ ...base, id: 'b' })),
    textDelta('b', 'and'),
  ];
};

test('stopped at any event, the thread is what the stream said, the order is legal, and the next turn works', async () => {
  const length = rich({ id: 'x' }).length;
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: length }),
      fc.constantFrom('cancel' as const, 'leave' as const, 'send' as const, 'fail' as const),
      async (at, how) => {
        const respond = scriptedResponder((call, index) =>
          index > 0
            ? [say('next')]
            : [
                ...rich(call.thread).slice(0, at),
                how === 'fail' ? { type: 'script.fail', error: new Error('x') } : hang(),
              ],
        );
        const t = testServer({ respond });
        const response = await t.send(create(), {
          headers: { ...(how === 'leave' ? {} : optIn), 'chatkit-run-id': 'r' },
        });
        let events: ThreadStreamEvent[];
        let id: string;
        if (how === 'leave') {
          const frames = await readUntil(response, (seen) => seen.length >= 3);
          id = idOf(eventsOf(frames));
          events = [];
          await settle();
        } else {
          const frames = framesOf(response);
          await settle();
          if (how === 'cancel') await t.json({ type: 'runs.cancel', params: { run_id: 'r' } });
          if (how === 'send') {
            const [{ id: threadId }] = (await t.json({ type: 'threads.list', params: {} })).data;
            await t.events(add(threadId, 'again'));
          }
          events = eventsOf(await frames);
          id = idOf(events);
          expect(outcomeOf(await frames)).toBe(how === 'fail' ? 'failed' : 'cancelled');
          const checker = createOrderChecker();
          for (const event of events) expect(checker.check(event)).toBeUndefined();
          expect(checker.end()).toBeUndefined();
        }
        const stored = await t.items(id);
        const visible = stored.filter(({ type }) => type !== 'sdk_hidden_context');
        if (how === 'cancel' || how === 'fail') expect(shown(events)).toEqual(visible);
        // History as a stream: every stored item is whole.
        const history = createOrderChecker();
        for (const item of stored) expect(history.check(itemDone(item))).toBeUndefined();
        expect(visible.every((item) => item.type !== 'assistant_message' || isPartialAnswer(item))).toBe(true);
        const turn = await t.events(add(id, 'next'));
        expect(outline(turn).at(-1)).toBe('thread.item.done assistant_message');
        expect(respond.calls.every(({ outcome }) => outcome !== 'running')).toBe(true);
      },
    ),
    { numRuns: 80, examples: Array.from({ length: length + 1 }, (_, at) => [at, 'cancel'] as [number, 'cancel']) },
  );
});
