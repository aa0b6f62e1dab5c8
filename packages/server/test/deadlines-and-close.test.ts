// Deadlines, each with its own code; and the end of the server itself.
import { assistantMessage, isChatKitError, itemAdded, itemDone, type RunRecord, textDelta } from '@chatkit/core';
import { createMemoryLease, createMemoryLog, createMemoryStore } from '@chatkit/store/memory';
import { createVirtualClock, hang, say, scriptedResponder, wait } from '@chatkit/testing';
import type { SseFrame } from '@chatkit/transport';
import { describe, expect, test, vi } from 'vitest';
import { systemClock } from '../src/clock.ts';
import {
  ada,
  add,
  create,
  eventsOf,
  framesOf,
  named,
  optIn,
  outcomeOf,
  outline,
  settle,
  testServer,
  textOf,
  type User,
} from './support.ts';

const between = (low: number, high: number) => (value: number) => low <= value && value <= high;
const begun = (call: { thread: { id: string } }) => [
  itemAdded(assistantMessage({ thread_id: call.thread.id, id: 'a' })),
  textDelta('a', 'half'),
];

describe('deadlines', () => {
  const timed = (deadlines: object, script: Parameters<typeof scriptedResponder>[0]) => {
    const clock = createVirtualClock();
    const respond = scriptedResponder(script, { clock });
    return { clock, respond, t: testServer({ clock, respond, deadlines }) };
  };

  test.each<[string, object, number, Parameters<typeof scriptedResponder>[0], string[]]>([
    ['run.first_event_timeout', { firstEventMs: 100 }, 100, [hang()], ['error']],
    [
      'run.idle_timeout',
      { firstEventMs: 500, idleMs: 100 },
      300,
      (call) => [wait(200), ...begun(call), hang()],
      ['thread.item.done assistant_message', 'error'],
    ],
    [
      'run.total_timeout',
      { totalMs: 250, idleMs: 100 },
      250,
      (call) => [wait(90), ...begun(call), wait(90), textDelta('a', '!'), hang()],
      ['thread.item.done assistant_message', 'error'],
    ],
  ])('%s', async (code, deadlines, afterMs, script, tail) => {
    const { clock, t, respond } = timed(deadlines, script);
    const response = await t.send(create(), { headers: optIn });
    const frames = framesOf(response);
    await clock.advance(afterMs - 1);
    expect(respond.calls[0]?.outcome).toBe('running');
    await clock.advance(1);
    const events = eventsOf(await frames);
    expect(events.at(-1)).toEqual({ type: 'error', code, allow_retry: true });
    expect(outline(events).slice(-tail.length)).toEqual(tail);
    expect(outcomeOf(await frames)).toBe('failed');
    expect(isChatKitError(respond.calls[0]?.signal?.reason, code as never)).toBe(true);
    const id = (events[0] as { thread: { id: string } }).thread.id;
    expect((await t.items(id)).some(({ type }) => type === 'sdk_hidden_context')).toBe(false);
  });

  test('the first event is respond()’s own, also where the output of a tool goes before it', async () => {
    const call = { type: 'client_tool_call', id: 'c', call_id: 'k', name: 'n', arguments: {} } as const;
    const asked = { ...call, status: 'pending', created_at: '2999-01-01T00:00:00Z' } as const;
    const { clock, t, respond } = timed({ firstEventMs: 100 }, ({ thread }, turn) =>
      turn === 0 ? [itemDone({ ...asked, thread_id: thread.id })] : [hang()],
    );
    const thread_id = await t.create();
    const response = t.events({ type: 'threads.add_client_tool_output', params: { thread_id, result: 1 } });
    await settle();
    await clock.advance(100);
    expect(respond.calls[1]?.outcome).not.toBe('running');
    expect(outline(await response)).toEqual(['stream_options', 'thread.item.replaced client_tool_call', 'error']);
  });

  test('a run that keeps to them leaves no timer behind, and the signal is not aborted', async () => {
    const { clock, t, respond } = timed({ firstEventMs: 100, idleMs: 100, totalMs: 1_000 }, [
      wait(90),
      say('x'),
      wait(90),
    ]);
    const events = t.events(create());
    await clock.advance(200);
    await events;
    expect(clock.pending).toBe(0);
    expect(respond.calls[0]?.signal?.aborted).toBe(false);
  });

  test('the time that a slow reader takes is not held against the application', async () => {
    const { clock, t } = timed({ idleMs: 100 }, [say(...Array.from({ length: 400 }, () => 'x'.repeat(2_000)))]);
    const response = await t.send(create());
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    await clock.advance(10_000);
    let text = '';
    for (let step = await reader.read(); !step.done; step = await reader.read())
      text += new TextDecoder().decode(step.value);
    expect(text).not.toContain('timeout');
    expect(text).toContain('thread.item.done');
  });

  test('30 minutes are the most by default', async () => {
    const { clock, t } = timed({}, [hang()]);
    const events = t.events(create());
    await clock.advance(30 * 60_000);
    expect((await events).at(-1)).toMatchObject({ code: 'run.total_timeout' });
  });
});

describe('close()', () => {
  test('waits for runs in progress, and takes no new ones', async () => {
    const clock = createVirtualClock();
    const t = testServer({ clock, respond: scriptedResponder([wait(3_000), say('done')], { clock }) });
    const id = 'thr_fixed';
    const events = t.events(create());
    await settle();
    let closed = false;
    const closing = t.server.close({ graceMs: 5_000 }).then(() => {
      closed = true;
    });
    const refused = await t.send(add(id));
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect((await refused.json()).error).toMatchObject({ code: 'server.closing', retryable: true });
    expect((await t.send({ type: 'threads.list', params: {} })).status).toBe(200);
    await clock.advance(2_999);
    expect(closed).toBe(false);
    await clock.advance(1);
    await closing;
    expect(textOf((await events).findLast((event) => 'item' in event)?.item)).toBe('done');
    expect(clock.pending).toBe(0);
  });

  test('stops what is left as interrupted: the text is kept, the model is told nothing, readers when to come back', async () => {
    const clock = createVirtualClock();
    const t = testServer({ clock, respond: scriptedResponder((call) => [...begun(call), hang()], { clock }) });
    const frames = framesOf(await t.send(create(), { headers: optIn }));
    await settle();
    const closing = t.server.close({ graceMs: 1_000 });
    await clock.advance(1_000);
    await closing;
    expect(outcomeOf(await frames)).toBe('interrupted');
    expect((await frames).flatMap(({ retry }) => retry ?? [])).toEqual([
      2_000,
      expect.toSatisfy(between(1_000, 3_000)),
    ]);
    const id = (eventsOf(await frames)[0] as { thread: { id: string } }).thread.id;
    expect((await t.items(id)).map((item) => textOf(item) || item.type)).toEqual(['hi', 'half']);
  });

  test.each([
    ['opted in', optIn],
    ['plain', {}],
  ])('says that the answer is not whole, to a client that is %s', async (_, headers) => {
    const clock = createVirtualClock();
    const t = testServer({ clock, respond: scriptedResponder((call) => [...begun(call), hang()], { clock }) });
    const frames = framesOf(await t.send(create(), { headers }));
    await settle();
    const closing = t.server.close({ graceMs: 0 });
    await clock.advance(1_000);
    await closing;
    expect(eventsOf(await frames).slice(-2)).toMatchObject([
      { type: 'thread.item.done' },
      { type: 'error', code: 'run.interrupted', message: 'The answer was interrupted.', allow_retry: true },
    ]);
  });

  test('a message whose run has not begun is sent to another server, and is not stored', async () => {
    const clock = createVirtualClock();
    const t = testServer({
      clock,
      respond: scriptedResponder((call) => [...begun(call), hang({ deaf: true })], { clock }),
      cancelGraceMs: 500,
    });
    const first = framesOf(await t.send(create(), { headers: named('first') }));
    await settle();
    const [{ id }] = (await t.json({ type: 'threads.list', params: {} })).data as [{ id: string }];
    const second = t.send(add(id, 'second'), { headers: named('second') });
    await settle();
    const closing = t.server.close({ graceMs: 0 });
    await clock.advance(500);
    await closing;
    await first;
    const refused = await second;
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect((await refused.json()).error).toMatchObject({ code: 'server.closing', retryable: true });
    expect((await t.items(id)).map(textOf)).not.toContain('second');
  });

  describe('with readers of another machine’s run', () => {
    /** A run on A that B has a reader of. */
    const readOnB = async (headers: Record<string, string>) => {
      const clock = createVirtualClock();
      const shared = { store: createMemoryStore<User>(), log: createMemoryLog(), lease: createMemoryLease({ clock }) };
      const respond = scriptedResponder((call) => [...begun(call), wait(60_000), textDelta('a', ' whole')], { clock });
      const [a, b] = [testServer({ clock, respond, ...shared }), testServer({ clock, respond, ...shared })];
      const own = framesOf(await a.send(create(), { headers: named('r') }));
      const isPlain = headers['chatkit-client'] === undefined;
      const sent = isPlain
        ? b.send(create(), { headers: { ...headers, ...repeated } })
        : b.attach('run=r', { headers });
      for (let turn = 0; turn < 10; turn += 1) await clock.advance(20);
      const reading = framesOf(await sent);
      reading.catch(() => {});
      await settle();
      return { clock, a, b, own, reading };
    };
    const repeated = { 'chatkit-run-id': 'r', 'chatkit-repeat': '1' };
    const wholeOf = (frames: readonly SseFrame[]) =>
      eventsOf(frames)
        .flatMap((event) => (event.type === 'thread.item.updated' && 'delta' in event.update ? event.update.delta : []))
        .join('');

    test('asks them to reconnect, each after a while of its own, and they lose nothing', async () => {
      const { clock, a, b, own, reading } = await readOnB(optIn);
      await b.server.close({ graceMs: 0 });
      const before = await reading;
      expect(before.at(-1)).toMatchObject({ event: 'reconnect', data: '{}' });
      const retries = before.flatMap(({ retry }) => retry ?? []);
      expect(retries).toEqual([2_000, expect.toSatisfy(between(1_000, 3_000))]);
      expect(outcomeOf(before)).toBeUndefined();
      const rest = framesOf(await a.attach(`run=r&after=${before.at(-1)?.id}`));
      await clock.advance(60_000);
      expect(outcomeOf(await own)).toBe('completed');
      expect(outcomeOf(await rest)).toBe('completed');
      expect(wholeOf(before.filter(({ event }) => event === undefined)) + wholeOf(await rest)).toBe('half whole');
    });

    test('fails the answer of a plain client, which would take its end for the end of the answer', async () => {
      const { clock, b, own, reading } = await readOnB({});
      await b.server.close({ graceMs: 0 });
      await expect(reading).rejects.toMatchObject({ code: 'server.closing' });
      await clock.advance(60_000);
      expect(outcomeOf(await own)).toBe('completed');
    });

    test('takes no new ones once they have been asked', async () => {
      const { b } = await readOnB(optIn);
      await b.server.close({ graceMs: 0 });
      const refused = await b.attach('run=r');
      expect([refused.status, (await refused.json()).error.code]).toEqual([503, 'server.closing']);
    });

    test('lets them read for as long as its own runs have', async () => {
      const { clock, b, reading } = await readOnB(optIn);
      const answer = b.events(create());
      await settle();
      let isOver = false;
      void reading.then(() => {
        isOver = true;
      });
      const closing = b.server.close({ graceMs: 5_000 });
      await clock.advance(4_999);
      await settle();
      expect(isOver).toBe(false);
      await clock.advance(1);
      await closing;
      expect((await reading).at(-1)?.event).toBe('reconnect');
      expect((await answer).at(-1)).toMatchObject({ code: 'run.interrupted' });
    });
  });

  test('waits for a thread that is being deleted until its lease is given back, and deletes no more', async () => {
    const clock = createVirtualClock();
    const store = createMemoryStore<User>();
    const lease = createMemoryLease({ clock });
    let isSlow = true;
    const t = testServer({
      clock,
      lease,
      log: createMemoryLog(),
      store: {
        ...store,
        async deleteThread(id, context) {
          if (isSlow) await new Promise<void>((resolve) => clock.setTimeout(resolve, 3_000));
          await store.deleteThread(id, context);
        },
      },
    });
    const [id, other] = [await t.create(), await t.create()];
    const deleted = t.json({ type: 'threads.delete', params: { thread_id: id } });
    await settle();
    let closed = false;
    const closing = t.server.close({ graceMs: 0 }).then(() => {
      closed = true;
    });
    isSlow = false;
    expect(await t.json({ type: 'threads.delete', params: { thread_id: other } })).toMatchObject({
      status: 503,
      error: { code: 'server.closing', retryable: true },
    });
    await clock.advance(2_999);
    expect(closed).toBe(false);
    await clock.advance(1);
    await closing;
    expect(await lease.activeIn(id)).toBeUndefined();
    expect(await deleted).toEqual({ status: 200 });
    expect(await t.items(other)).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  test('waits until what it has stopped is kept, and its thread is free', async () => {
    const clock = createVirtualClock();
    const store = createMemoryStore<User>();
    const lease = createMemoryLease({ clock });
    const t = testServer({
      clock,
      lease,
      log: createMemoryLog(),
      store: {
        ...store,
        async saveItem(...of) {
          if (of[1].id === 'a') await clock.sleep(3_000);
          await store.saveItem(...of);
        },
      },
      respond: scriptedResponder((call) => [...begun(call), hang()], { clock }),
    });
    const frames = framesOf(await t.send(create(), { headers: named('r') }));
    await settle();
    const { threadId } = (await lease.find('r')) as RunRecord;
    let closed = false;
    const closing = t.server.close({ graceMs: 0 }).then(() => {
      closed = true;
    });
    await clock.advance(2_999);
    expect(closed).toBe(false);
    await clock.advance(1);
    await closing;
    expect((await t.items(threadId)).map(textOf)).toEqual(['hi', 'half']);
    expect(await lease.activeIn(threadId)).toBeUndefined();
    expect(outcomeOf(await frames)).toBe('interrupted');
  });

  test('waits for the end of a dead machine’s run that it has begun to write, and looks for no more', async () => {
    const clock = createVirtualClock();
    const lease = createMemoryLease({ clock });
    const reap = vi.spyOn(lease, 'reap');
    const log = createMemoryLog();
    const dead = { runId: 'dead', threadId: 'thr_1', resumable: true, userId: 'ada' };
    await lease.acquire(dead);
    await clock.advance(lease.ttlMs);
    let answer = (_: User): void => {};
    const contextOf = () =>
      new Promise<User>((resolve) => {
        answer = resolve;
      });
    const t = testServer({ clock, log, lease, contextOf });
    await clock.advance(0);
    let closed = false;
    const closing = t.server.close().then(() => {
      closed = true;
    });
    await settle();
    expect(closed).toBe(false);
    answer(ada);
    await closing;
    expect(await lease.find('dead')).toMatchObject({ outcome: 'interrupted' });
    expect(reap).toHaveBeenCalledTimes(1);
    expect(clock.pending).toBe(0);
  });

  test('leaves dead runs that are found behind it to other servers', async () => {
    const clock = createVirtualClock();
    const lease = createMemoryLease({ clock });
    let find = (_: RunRecord[]): void => {};
    lease.reap = () =>
      new Promise((resolve) => {
        find = resolve;
      });
    const contextOf = vi.fn(() => ada);
    const t = testServer({ clock, log: createMemoryLog(), lease, contextOf });
    await clock.advance(0);
    await t.server.close();
    find([{ runId: 'dead', threadId: 'thr_1', resumable: true, userId: 'ada', epoch: 2 }]);
    await settle();
    expect(contextOf).not.toHaveBeenCalled();
  });

  test('of an idle server resolves at once', async () => {
    const t = testServer();
    await t.create();
    await t.server.close();
  });

  test('with all the time in the world waits for runs in progress', async () => {
    let goOn = () => {};
    const isWanted = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const t = testServer({
      async *respond(thread) {
        await isWanted;
        yield itemDone(assistantMessage({ thread_id: thread.id, text: 'whole' }));
      },
    });
    const delays = vi.spyOn(globalThis, 'setTimeout');
    const frames = framesOf(await t.send(create(), { headers: optIn }));
    const closing = t.server.close({ graceMs: Number.POSITIVE_INFINITY });
    goOn();
    await closing;
    expect(outcomeOf(await frames)).toBe('completed');
    expect(delays.mock.calls.map(([, ms]) => ms)).toSatisfy((all: number[]) => all.every((ms) => ms < 2 ** 31));
    delays.mockRestore();
  });
});

test.each([Number.POSITIVE_INFINITY, 2 ** 40])('a timer of %s ms does not fire at once', (ms) => {
  vi.useFakeTimers();
  try {
    const fired = vi.fn();
    const timer = systemClock.setTimeout(fired, ms);
    vi.advanceTimersByTime(24 * 60 * 60 * 1_000);
    expect(fired).not.toHaveBeenCalled();
    systemClock.clearTimeout(timer);
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});
