// Stores, logs, leases and hooks that never answer: the run ends with a code, Stop works, and the thread is free again.
import { assistantMessage, itemAdded, itemDone, type Store, textDelta } from '@chatkit/core';
import { createMemoryLease, createMemoryLog, createMemoryStore } from '@chatkit/store/memory';
import { createVirtualClock, hang, say, scriptedResponder, type VirtualClock } from '@chatkit/testing';
import { describe, expect, test } from 'vitest';
import { limitedStore } from '../src/limited-parts.ts';
import {
  ada,
  add,
  allItems,
  cancel,
  create,
  eventsOf,
  framesOf,
  halfway,
  named,
  type Options,
  outcomeOf,
  shown,
  testServer,
  textOf,
  type User,
} from './support.ts';

const callMs = 1_000;
const never = () => new Promise<never>(() => {});

/** A server whose calls may take a second, by a clock that the test moves. */
const timed = (options: Options = {}) => {
  const clock = createVirtualClock();
  const respond = options.respond ?? halfway();
  const t = testServer({ clock, deadlines: { callMs }, cancelGraceMs: 100, ...options, respond });
  /** Lets time go by until `work` is done, for `mostMs` at most. */
  const within = async <T>(mostMs: number, work: Promise<T>): Promise<T> => {
    let done = false;
    const marked = work.finally(() => {
      done = true;
    });
    marked.catch(() => {});
    for (let passed = 0; passed < mostMs && !done; passed += 50) await clock.advance(50);
    if (!done) throw new Error(`not done after ${mostMs} ms`);
    return marked;
  };
  return { ...t, clock, within };
};

const answers = scriptedResponder((call, index) =>
  index === 0
    ? [
        itemAdded(assistantMessage({ thread_id: call.thread.id, id: 'a' })),
        textDelta('a', 'all'),
        itemDone(assistantMessage({ thread_id: call.thread.id, id: 'a', text: 'all' })),
      ]
    : [say(`answer ${index}`)],
);

/** The next message of a thread is answered. */
const isFree = async ({ within, events }: ReturnType<typeof timed>, threadId: string) => {
  const next = await within(callMs, events(add(threadId)));
  expect(next.at(-1)).toMatchObject({ type: 'thread.item.done', item: { type: 'assistant_message' } });
};

describe('a store that never answers', () => {
  test('ends the run with store.timeout, as an event and to the operator; the thread is free, and readers see what a reload shows', async () => {
    const t = timed({ respond: answers });
    const { saveItem } = t.store;
    t.store.saveItem = (threadId, item, context) => (item.id === 'a' ? never() : saveItem(threadId, item, context));
    const frames = await t.within(2 * callMs, framesOf(await t.send(create(), { headers: named('r') })));
    const events = eventsOf(frames);
    expect(outcomeOf(frames)).toBe('failed');
    expect(events.at(-1)).toEqual({ type: 'error', code: 'store.timeout', allow_retry: true });
    expect(t.errors[0]).toMatchObject({ code: 'store.timeout', details: { call: 'store.saveItem' } });
    const [{ id }] = (await t.json({ type: 'threads.list', params: {} })).data;
    expect(shown(events).map(textOf)).toEqual((await t.items(id)).map(textOf));
    await isFree(t, id);
  });

  test.each(['transaction', 'loadThread'] as const)(
    'before the stream (%s) is a 504 with that code, and the message sent again is stored once',
    async (method) => {
      const t = timed({ respond: scriptedResponder([say('hello')]) });
      const id = await t.create();
      const whole = t.store[method];
      Object.assign(t.store, { [method]: never });
      const answer = await t.within(2 * callMs, t.json(add(id, 'again'), { headers: named('r') }));
      expect(answer).toMatchObject({ status: 504, error: { code: 'store.timeout', retryable: true } });
      expect(t.errors).toHaveLength(1);
      Object.assign(t.store, { [method]: whole });
      await t.events(add(id, 'again'), { headers: { ...named('r'), 'chatkit-repeat': '1' } });
      expect((await t.items(id)).map(textOf)).toEqual(['hi', 'hello', 'again', 'hello']);
    },
  );

  test.each([1, 5])('does not keep a stop from working, and is asked of one of %i unfinished items', async (count) => {
    const respond = scriptedResponder(({ thread }, index) =>
      index === 0
        ? [
            ...Array.from({ length: count }, (_, at) => [
              itemAdded(assistantMessage({ thread_id: thread.id, id: `a${at}` })),
              textDelta(`a${at}`, 'half'),
            ]).flat(),
            hang(),
          ]
        : [say(`answer ${index}`)],
    );
    const t = timed({ respond });
    const { saveItem, loadItem } = t.store;
    const response = await t.send(create(), { headers: named('r') });
    const frames = framesOf(response);
    await t.clock.advance(10);
    const [{ id }] = (await t.json({ type: 'threads.list', params: {} })).data;
    Object.assign(t.store, { saveItem: never, loadItem: never });
    expect(await t.within(4 * callMs, t.json(cancel('r')))).toEqual({ status: 200 });
    expect(outcomeOf(await frames)).toBe('cancelled');
    expect(shown(eventsOf(await frames)).map(textOf)).toEqual(['hi']);
    Object.assign(t.store, { saveItem, loadItem });
    await isFree(t, id);
  });

  test('does not keep a deleted thread, or a list, waiting', async () => {
    const t = timed({ respond: answers });
    const id = await t.create();
    t.store.deleteThread = never;
    const deleted = await t.within(2 * callMs, t.json({ type: 'threads.delete', params: { thread_id: id } }));
    expect(deleted).toMatchObject({ status: 504, error: { code: 'store.timeout' } });
    await isFree(t, id);
  });
});

describe('a write that was given up and succeeds all the same', () => {
  const slowStore = (clock: VirtualClock) => {
    const store = createMemoryStore<User>();
    const pending: (() => Promise<void>)[] = [];
    const slow: Store<User> = {
      ...store,
      saveItem: (threadId, item, context) =>
        new Promise((resolve, reject) => {
          pending.push(() => store.saveItem(threadId, item, context).then(resolve, reject));
        }),
      transaction: (work, context) =>
        store.transaction(async (inner) => {
          await new Promise<void>((resolve) => pending.push(async () => resolve()));
          return work(inner);
        }, context),
    };
    return { store, pending, limited: limitedStore(slow, { clock, deadlines: { totalMs: 0, callMs } }) };
  };
  const item = (text: string) => assistantMessage({ thread_id: 't', id: 'a', text });
  const thread = { id: 't', created_at: '2026-01-01T00:00:00Z', status: { type: 'active' as const }, metadata: {} };

  test('is not overtaken by a later write of the same item: that one waits, and is not sent if it is given up meanwhile', async () => {
    const clock = createVirtualClock();
    const { store, limited, pending } = slowStore(clock);
    await store.saveThread(thread, ada);
    const first = limited.saveItem('t', item('first'), ada);
    first.catch(() => {});
    await clock.advance(callMs);
    await expect(first).rejects.toMatchObject({ code: 'store.timeout' });
    const second = limited.saveItem('t', item('second'), ada);
    second.catch(() => {});
    await clock.advance(callMs / 2);
    expect(pending).toHaveLength(1);
    await clock.advance(callMs / 2);
    await expect(second).rejects.toMatchObject({ code: 'store.timeout' });
    const third = limited.saveItem('t', item('third'), ada);
    await clock.advance(10);
    await pending[0]?.();
    await clock.advance(10);
    expect((await allItems(store, 't')).map(textOf)).toEqual(['first']);
    expect(pending).toHaveLength(2);
    await pending[1]?.();
    await third;
    expect((await allItems(store, 't')).map(textOf)).toEqual(['third']);
    // An item that is not waited for is written at once.
    const other = limited.saveItem('t', item('fourth'), ada);
    await pending[2]?.();
    await other;
    expect(clock.pending).toBe(0);
  });

  test('a transaction is undone', async () => {
    const clock = createVirtualClock();
    const { store, limited, pending } = slowStore(clock);
    const saved = limited.transaction((inner) => inner.saveThread(thread, ada), ada);
    saved.catch(() => {});
    await clock.advance(callMs);
    await expect(saved).rejects.toMatchObject({ code: 'store.timeout' });
    await pending[0]?.();
    await clock.advance(10);
    await expect(store.loadThread('t', ada)).rejects.toMatchObject({ code: 'thread.not_found' });
  });
});

test.each(['getStreamOptions', 'handleStreamCancelled'] as const)(
  '%s() that never answers keeps no thread',
  async (hook) => {
    const t = timed({ [hook]: never });
    const response = await t.send(create(), { headers: named('r') });
    const frames = framesOf(response);
    await t.clock.advance(10);
    if (hook === 'handleStreamCancelled') await t.within(3 * callMs, t.json(cancel('r')));
    const events = eventsOf(await t.within(2 * callMs, frames));
    expect(outcomeOf(await frames)).toBe(hook === 'getStreamOptions' ? 'failed' : 'cancelled');
    const error = { type: 'error', code: 'run.hook_timeout', allow_retry: true };
    expect(events.at(-1)).toEqual(hook === 'getStreamOptions' ? error : { type: 'thread.item.removed', item_id: 'a' });
    expect(t.errors).toEqual([expect.objectContaining({ code: 'run.hook_timeout', details: { call: hook } })]);
  },
);

describe('a hook that answers a request', () => {
  const action = (thread_id: string) => ({
    type: 'threads.sync_custom_action' as const,
    params: { thread_id, action: { type: 'a', payload: {} } },
  });
  const feedback = (thread_id: string) => ({
    type: 'items.feedback' as const,
    params: { thread_id, item_ids: ['a'], kind: 'positive' as const },
  });

  test.each([
    ['syncAction', action],
    ['addFeedback', feedback],
  ] as const)('has callMs (%s): 504, and the operator is told', async (hook, request) => {
    const t = timed({ respond: answers, [hook]: never });
    const id = await t.create();
    const answer = await t.within(2 * callMs, t.json(request(id)));
    expect(answer).toMatchObject({
      status: 504,
      error: { code: 'run.hook_timeout', retryable: true, details: { call: hook } },
    });
    expect(t.errors).toEqual([expect.objectContaining({ code: 'run.hook_timeout' })]);
    expect(t.clock.pending).toBe(0);
  });

  test('has as long as a whole run if it turns speech into text', async () => {
    const t = timed({ transcribe: never, deadlines: { callMs, totalMs: 5 * callMs } });
    const params = { audio_base64: '', mime_type: 'audio/webm' };
    const answer = t.json({ type: 'input.transcribe', params });
    let isOver = false;
    void answer.then(() => {
      isOver = true;
    });
    await t.clock.advance(5 * callMs - 1);
    expect(isOver).toBe(false);
    await t.clock.advance(1);
    expect(await answer).toMatchObject({ status: 504, error: { code: 'run.hook_timeout', retryable: true } });
    expect(t.errors).toEqual([expect.objectContaining({ details: { call: 'transcribe' } })]);
  });
});

test.each(['create', 'append'] as const)('a log whose %s() never answers keeps no thread', async (method) => {
  const log = createMemoryLog();
  let isSilent = true;
  const t = timed({
    respond: answers,
    log: {
      ...log,
      create: (runId) => (isSilent && method === 'create' ? never() : log.create(runId)),
      append: (runId, entries) =>
        isSilent && method === 'append' && entries.some((entry) => 'end' in entry)
          ? never()
          : log.append(runId, entries),
    },
  });
  const sent = t.within(2 * callMs, t.send(create(), { headers: named('r') }));
  if (method === 'create') expect((await sent).status).toBe(504);
  else expect(outcomeOf(await t.within(2 * callMs, framesOf(await sent)))).toBe('completed');
  isSilent = false;
  await isFree(t, (await t.within(callMs, t.create())) as string);
});

test.each(['acquire', 'release', 'find'] as const)(
  'a lease whose %s() never answers keeps no thread for good',
  async (method) => {
    const clock = createVirtualClock();
    const lease = createMemoryLease({ ttlMs: 500, clock });
    let isSilent = false;
    const t = timed({
      clock,
      respond: scriptedResponder([say('hello')]),
      lease: {
        ...lease,
        [method]: (...given: never[]) =>
          isSilent ? never() : (lease[method] as (...given: never[]) => unknown)(...given),
      },
    });
    const passing = async <T>(work: Promise<T>): Promise<T> => {
      let done = false;
      void work.finally(() => (done = true)).catch(() => {});
      while (!done) await clock.advance(50);
      return work;
    };
    const id = await passing(t.create());
    isSilent = true;
    const response = await passing(t.send(add(id), { headers: named('r') }));
    if (method === 'release') expect(outcomeOf(await passing(framesOf(response)))).toBe('completed');
    else expect(await response.json()).toMatchObject({ error: { code: 'store.timeout' } });
    isSilent = false;
    expect((await passing(t.events(add(id)))).at(-1)).toMatchObject({ type: 'thread.item.done' });
  },
);

test('calls that answer leave no timer behind', async () => {
  const t = timed({ respond: answers });
  await t.create();
  expect(t.clock.pending).toBe(0);
});
