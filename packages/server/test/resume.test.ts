// What an opted-in client gets: offsets, heartbeats, the terminal frame, attaching, one run per id, disconnect policies.
import {
  assistantMessage,
  createId,
  itemAdded,
  itemDone,
  progressUpdate,
  type ThreadStreamEvent,
  textDelta,
} from '@chatkit/core';
import { createMemoryLease, createMemoryLog } from '@chatkit/store/memory';
import { createVirtualClock, hang, say, scriptedResponder, wait } from '@chatkit/testing';
import type { SseFrame } from '@chatkit/transport';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { Run } from '../src/run.ts';
import {
  ada,
  add,
  create,
  eve,
  eventsOf,
  framesOf,
  halfway,
  named,
  optIn,
  outcomeOf,
  outline,
  readUntil,
  settle,
  shown,
  testServer,
  textOf,
} from './support.ts';

const idsOf = (frames: readonly SseFrame[]) => frames.flatMap(({ id }) => (id === undefined ? [] : [id]));

describe('the stream of an opted-in client', () => {
  test('begins with a priming frame, numbers every event, and ends with the outcome', async () => {
    const t = testServer({ respond: scriptedResponder([say('Hi')]), retryMs: 1234 });
    const response = await t.send(create(), { headers: named('r.1') });
    expect(response.headers.get('chatkit-run-id')).toBe('r.1');
    const text = await response.text();
    expect(text.startsWith('retry: 1234\nid: 1-0\n\nid: 1-1\ndata: {"type":"thread.created"')).toBe(true);
    expect(text.endsWith('event: end\nid: 1-7\ndata: {"outcome":"completed"}\n\n')).toBe(true);
    expect([...text.matchAll(/^id: (.*)$/gm)].map(([, id]) => id)).toEqual(
      Array.from({ length: 8 }, (_, i) => `1-${i}`),
    );
  });

  test('the event JSON is that of a plain client', async () => {
    const options = {
      generateThreadId: () => 'thr',
      generateItemId: () => 'msg',
      respond: scriptedResponder([progressUpdate('x')]),
    };
    const now = () => 0;
    const plain = await testServer({ ...options, now }).events(create());
    const extended = await testServer({ ...options, now }).events(create(), { headers: optIn });
    expect(extended).toEqual(plain);
  });

  test('a run that fails says so', async () => {
    const t = testServer({ respond: scriptedResponder([{ type: 'script.fail', error: new Error('x') }]) });
    expect(outcomeOf(await framesOf(await t.send(create(), { headers: optIn })))).toBe('failed');
  });

  test.each<[string, Record<string, string>, object]>([
    ['', optIn, {}],
    [' of a plain client, if that is wanted', {}, { plainHeartbeatMs: 15_000, heartbeatMs: 1_000 }],
  ])('silence is filled with comments, from the start%s', async (_, headers, options) => {
    const clock = createVirtualClock();
    const t = testServer({ clock, respond: scriptedResponder([wait(40_000), say('late')], { clock }), ...options });
    const response = await t.send(create(), { headers });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const decoder = new TextDecoder();
    let text = '';
    const reading = (async () => {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        text += decoder.decode(value, { stream: true });
      }
    })();
    await clock.advance(14_999);
    expect(text).not.toMatch(/^:/m);
    await clock.advance(1);
    expect(text.match(/^:/gm)).toHaveLength(1);
    await clock.advance(15_000);
    expect(text.match(/^:/gm)).toHaveLength(2);
    await clock.advance(20_000);
    await reading;
    expect(text).toContain('late');
    expect(text.includes('event: end')).toBe(headers === optIn);
  });
});

describe('attaching', () => {
  /** A finished run, its frames, and its server. */
  const finished = async () => {
    const t = testServer({ respond: scriptedResponder([say('a', 'b', 'c', 'd'), say('e')]) });
    return { t, frames: await framesOf(await t.send(create(), { headers: named('r') })) };
  };

  test('after any offset, the rest follows: no gap and no repeat', async () => {
    const { t, frames } = await finished();
    const whole = shown(eventsOf(frames));
    for (const [i, { id }] of frames.entries()) {
      if (id === undefined || id === frames.at(-1)?.id) continue;
      const response = await t.attach(`run=r&after=${id}`);
      expect(response.headers.get('chatkit-run-id')).toBe('r');
      const rest = await framesOf(response);
      expect(idsOf(rest).at(-1)).toBe(frames.at(-1)?.id);
      expect(shown([...eventsOf(frames.slice(0, i + 1)), ...eventsOf(rest)])).toEqual(whole);
    }
  });

  test('a replay merges neighbouring deltas: the same text in fewer frames', async () => {
    const t = testServer({ respond: scriptedResponder([say(...Array.from({ length: 500 }, (_, i) => `${i} `))]) });
    await t.send(create(), { headers: named('r') }).then(framesOf);
    const replay = eventsOf(await framesOf(await t.attach('run=r')));
    expect(replay).toHaveLength(6);
    expect(textOf(shown(replay)[1])).toBe(Array.from({ length: 500 }, (_, i) => `${i} `).join(''));
  });

  test('Last-Event-ID wins over the URL', async () => {
    const { t, frames } = await finished();
    const before = frames.at(-2)?.id as string;
    const rest = await framesOf(await t.attach('run=r&after=1-1', { headers: { 'last-event-id': before } }));
    expect(idsOf(rest)).toEqual([before, frames.at(-1)?.id]);
  });

  test('to a run in progress: what was, then what comes, for every reader', async () => {
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const t = testServer({
      respond: scriptedResponder([say('one'), { type: 'script.until', promise: gate }, say('two')]),
    });
    const first = await t.send(create(), { headers: named('r') });
    await settle();
    const second = await t.attach('run=r');
    go();
    const [one, two] = [await framesOf(first), await framesOf(second)];
    expect(two.slice(1)).toEqual(one.slice(1));
    expect(outcomeOf(two)).toBe('completed');
  });

  test.each([
    ['nothing is left', 'run=r&after=1-13', 204, undefined],
    ['an unknown run', 'run=nope', 404, 'run.not_found'],
    ['no run at all', 'after=1-1', 400, 'request.invalid'],
    ['an offset beyond the end', 'run=r&after=1-99', 400, 'log.offset_unknown'],
    ['an offset that is none', 'run=r&after=%0Ax', 400, 'log.offset_unknown'],
    ['a name of Object.prototype', 'run=__proto__', 404, 'run.not_found'],
  ])('%s', async (_, query, status, code) => {
    const { t, frames } = await finished();
    expect(frames.at(-1)?.id).toBe('1-13');
    const response = await t.attach(query);
    expect(response.status).toBe(status);
    if (code !== undefined) expect((await response.json()).error.code).toBe(code);
  });

  test('to a run of somebody else answers as to one that never was', async () => {
    const { t } = await finished();
    const [theirs, unknown] = [await t.attach('run=r', { context: eve }), await t.attach('run=nope', { context: eve })];
    expect(theirs.status).toBe(404);
    expect(await theirs.text()).toBe(await unknown.text());
    expect([...theirs.headers]).toEqual([...unknown.headers]);
  });

  test('410 when the log no longer holds what is missing', async () => {
    const t = testServer({
      log: createMemoryLog({ maxBytesPerRun: 600 }),
      respond: scriptedResponder([say(...Array.from({ length: 50 }, () => 'x'.repeat(50)))]),
    });
    const first = t.send(create(), { headers: named('r') });
    await (await first).body?.cancel();
    await settle(20);
    const response = await t.attach('run=r&after=1-2');
    expect(response.status).toBe(410);
    expect((await response.json()).error.code).toBe('log.expired');
  });

  test('ended runs are kept for a while, and so many', async () => {
    const clock = createVirtualClock();
    const t = testServer({ clock, retain: { ms: 1_000, runs: 2 } });
    for (const id of ['r1', 'r2', 'r3']) await framesOf(await t.send(create(), { headers: named(id) }));
    expect((await t.attach('run=r1')).status).toBe(404);
    const second = await t.attach('run=r2');
    expect([second.status, await second.text()]).toEqual([200, expect.stringContaining('event: end')]);
    await clock.advance(1_001);
    expect((await t.attach('run=r2')).status).toBe(404);
    expect(clock.pending).toBe(0);
  });

  test('a run that is being read is kept until its last reader leaves, and for a while after that', async () => {
    const clock = createVirtualClock();
    const long = say(...Array.from({ length: 200 }, (_, at) => `${at}:${'x'.repeat(1_000)} `));
    const respond = scriptedResponder((_call, index) => [index === 0 ? long : say('short')]);
    const t = testServer({ clock, retain: { ms: 1_000, runs: 1 }, respond });
    await (await t.send(create(), { headers: named('r1') })).text();
    const reading = await t.attach('run=r1');
    const reader = (reading.body as ReadableStream<Uint8Array>).getReader();
    let text = new TextDecoder().decode((await reader.read()).value);
    // Pushed off the shelf by others, which are forgotten in their turn.
    for (const id of ['r2', 'r3']) await framesOf(await t.send(create(), { headers: named(id) }));
    await clock.advance(1_001);
    expect((await t.attach('run=r3')).status).toBe(404);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      text += new TextDecoder().decode(value);
    }
    expect(text).toContain('199:x');
    expect(text).toContain('event: end');
    await clock.advance(999);
    const again = await t.attach('run=r1');
    expect(again.status).toBe(200);
    await clock.advance(1_001);
    await again.body?.cancel();
    await clock.advance(999);
    const last = await t.attach('run=r1');
    expect(last.status).toBe(200);
    await last.body?.cancel();
    await clock.advance(1);
    expect((await t.attach('run=r1')).status).toBe(404);
    expect(clock.pending).toBe(0);
  });

  test('a reader that gets no stream leaves nothing behind at the run', async () => {
    const follow = vi.spyOn(Run.prototype, 'follow');
    const unfollow = vi.spyOn(Run.prototype, 'unfollow');
    const log = createMemoryLog();
    const t = testServer({ log, respond: scriptedResponder([say('Hi')]) });
    const ids = idsOf(await framesOf(await t.send(create(), { headers: named('r') })));
    const statuses = [(await t.attach(`run=r&after=${ids.at(-1)}`)).status];
    const gone = new AbortController();
    statuses.push((await t.attach('run=r', { signal: gone.signal })).status);
    gone.abort();
    await log.delete('r');
    statuses.push((await t.attach('run=r')).status);
    await settle();
    expect(statuses).toEqual([204, 200, 404]);
    const left = follow.mock.calls.filter(([each]) => !unfollow.mock.calls.some(([other]) => other === each));
    expect([follow.mock.calls.length, left.length]).toEqual([4, 0]);
    vi.restoreAllMocks();
  });

  test('a plain client’s run is forgotten at its end', async () => {
    const deleted: string[] = [];
    const log = createMemoryLog();
    const t = testServer({ log: { ...log, delete: async (id) => void deleted.push(id) } });
    await t.events(create());
    await settle();
    expect(deleted).toHaveLength(1);
  });
});

describe('ChatKit-Active-Run', () => {
  test('names the run in progress, to opted-in clients alone, and nothing afterwards', async () => {
    const t = testServer({ respond: halfway() });
    const response = await t.send(create(), { headers: named('r') });
    await settle();
    const [{ id }] = (await t.json({ type: 'threads.list', params: {} })).data;
    const get = (headers: Record<string, string> = {}, context = ada) =>
      t.send({ type: 'threads.get_by_id', params: { thread_id: id } }, { headers, context });
    expect((await get(optIn)).headers.get('chatkit-active-run')).toBe('r');
    expect((await get()).headers.get('chatkit-active-run')).toBeNull();
    expect((await get(optIn, eve)).headers.get('chatkit-active-run')).toBeNull();
    await t.json({ type: 'runs.cancel', params: { run_id: 'r' } });
    await response.text();
    expect((await get(optIn)).headers.get('chatkit-active-run')).toBeNull();
  });
});

test.each(['here', 'shared'])(
  'a run that has nothing to show yet is not in progress, with a lease that is %s',
  async (where) => {
    const lease = where === 'shared' ? { lease: createMemoryLease(), log: createMemoryLog() } : {};
    const t = testServer({ ...lease, respond: scriptedResponder([say('all')]) });
    const thread_id = await t.create();
    const { transaction } = t.store;
    t.store.transaction = () => new Promise(() => {});
    void t.send(add(thread_id), { headers: named('r') });
    await settle();
    const response = await t.send({ type: 'threads.get_by_id', params: { thread_id } }, { headers: optIn });
    expect([response.status, response.headers.get('chatkit-active-run')]).toEqual([200, null]);
    t.store.transaction = transaction;
  },
);

test('a thread that is being deleted has no run in progress', async () => {
  const t = testServer();
  const thread_id = await t.create();
  const { deleteThread } = t.store;
  let goOn = () => {};
  t.store.deleteThread = async (...of) => {
    await new Promise<void>((resolve) => {
      goOn = resolve;
    });
    return deleteThread(...of);
  };
  const deleted = t.json({ type: 'threads.delete', params: { thread_id } });
  await settle();
  const response = await t.send({ type: 'threads.get_by_id', params: { thread_id } }, { headers: optIn });
  expect([response.status, response.headers.get('chatkit-active-run')]).toEqual([200, null]);
  goOn();
  expect(await deleted).toEqual({ status: 200 });
});

describe('a POST that is sent twice', () => {
  test('runs once, at once or later, and both get the whole stream', async () => {
    const respond = scriptedResponder([say('Hi')]);
    const t = testServer({ respond });
    const both = await Promise.all([1, 2].map(async () => framesOf(await t.send(create(), { headers: named('r') }))));
    const later = await framesOf(await t.send(create(), { headers: named('r') }));
    expect(respond.calls).toHaveLength(1);
    expect(both[1]).toEqual(both[0]);
    expect(eventsOf(later)).toEqual(eventsOf(both[0] as SseFrame[]));
    expect((await t.json({ type: 'threads.list', params: {} })).data).toHaveLength(1);
  });

  test('fails twice when the first failed, and may then be tried again', async () => {
    const t = testServer({ respond: scriptedResponder([]) });
    const bad = create('hi', { attachments: ['none'] });
    const both = await Promise.all([t.json(bad, { headers: named('r') }), t.json(bad, { headers: named('r') })]);
    expect(both).toMatchObject([{ status: 404 }, { status: 404 }]);
    expect((await t.send(create(), { headers: named('r') })).status).toBe(200);
  });

  test.each(['', 'a b', 'x'.repeat(129), 'a/b', '\u00e9'])('an id like %j is refused', async (id) => {
    const t = testServer();
    expect(await t.json(create(), { headers: named(id) })).toMatchObject({
      status: 400,
      error: { details: { path: 'ChatKit-Run-Id' } },
    });
  });

  test('an id that another user has is a conflict', async () => {
    const t = testServer();
    await t.create('hi', { headers: named('r') });
    const theirs = await t.create('hi', { context: eve });
    for (const request of [create(), add(theirs)]) {
      expect(await t.json(request, { headers: named('r'), context: eve })).toMatchObject({
        status: 409,
        error: { code: 'run.conflict' },
      });
    }
  });

  test('whose thread has been deleted meanwhile is told so, and does not bring it back', async () => {
    const respond = scriptedResponder([say('a')]);
    const t = testServer({ respond });
    const runId = createId('run');
    const id = await t.create('One', { headers: named(runId) });
    await t.json({ type: 'threads.delete', params: { thread_id: id } });
    for (const request of [create('One'), add(id, 'One')]) {
      expect(await t.json(request, { headers: named(runId) })).toMatchObject({
        status: 404,
        error: { code: 'thread.not_found' },
      });
    }
    // Others learn no more than that the id is taken.
    expect(await t.json(create('One'), { headers: named(runId), context: eve })).toMatchObject({ status: 409 });
    expect((await t.json({ type: 'threads.list', params: {} })).data).toEqual([]);
    expect(respond.calls).toHaveLength(1);
  });

  test('an id that a run of another thread of the user has is another run there, once', async () => {
    const respond = scriptedResponder([say('a')]);
    const t = testServer({ respond });
    const id = await t.create('One', { headers: named('r') });
    const other = await t.create('Two');
    const answers = await Promise.all([1, 2].map(() => t.send(add(other, 'One'), { headers: named('r') })));
    const [a, b] = await Promise.all(answers.map(framesOf));
    expect(eventsOf(a ?? [])).toEqual(eventsOf(b ?? []));
    const runIds = new Set(answers.map(({ headers }) => headers.get('chatkit-run-id')));
    expect(runIds.size).toBe(1);
    expect(runIds.has('r')).toBe(false);
    expect((await t.items(other)).map(textOf)).toEqual(['Two', 'a', 'One', 'a']);
    expect((await t.items(id)).map(textOf)).toEqual(['One', 'a']);
    expect(respond.calls).toHaveLength(3);
  });
});

describe('when the last reader leaves', () => {
  const leave = async (options: Parameters<typeof testServer>[0], headers: Record<string, string>) => {
    const clock = createVirtualClock();
    const respond = scriptedResponder(
      (call) => [itemAdded(assistantMessage({ thread_id: call.thread.id, id: 'a' })), textDelta('a', 'half'), hang()],
      { clock },
    );
    const t = testServer({ clock, respond, ...options });
    await readUntil(await t.send(create(), { headers }), (events) =>
      outline(events).some((line) => line.includes('delta')),
    );
    await settle();
    return { t, clock, status: () => respond.calls[0]?.outcome };
  };

  test.each<[string, object, Record<string, string>, string]>([
    ['a plain client stops the run', {}, {}, 'threw'],
    ['an opted-in client does not', {}, named('r'), 'running'],
    ['unless the policy says so', { disconnect: { resumable: 'cancel' } }, named('r'), 'threw'],
    ['and a plain one may not either', { disconnect: { plain: 'continue' } }, {}, 'running'],
  ])('%s', async (_, options, headers, expected) => {
    expect((await leave(options, headers)).status()).toBe(expected);
  });

  test('a grace period lets it come back', async () => {
    const { t, clock, status } = await leave({ disconnect: { resumable: { graceMs: 1_000 } } }, named('r'));
    await clock.advance(999);
    const again = await t.attach('run=r');
    await clock.advance(10_000);
    expect(status()).toBe('running');
    await again.body?.cancel();
    await clock.advance(999);
    expect(status()).toBe('running');
    await clock.advance(1);
    expect(status()).toBe('threw');
  });

  test('a run that goes on without readers finishes, is stored, and can be replayed', async () => {
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const t = testServer({ respond: scriptedResponder([{ type: 'script.until', promise: gate }, say('done')]) });
    const response = await t.send(create(), { headers: named('r') });
    await response.body?.cancel();
    go();
    await settle();
    const replay = await framesOf(await t.attach('run=r'));
    expect(outcomeOf(replay)).toBe('completed');
    const id = (eventsOf(replay)[0] as { thread: { id: string } }).thread.id;
    expect((await t.items(id)).map(textOf)).toEqual(['hi', 'done']);
  });
});

test('cut at any frame and attached again, any number of times, the events are those of the uncut stream', async () => {
  const script = (call: { thread: { id: string } }): ThreadStreamEvent[] => [
    itemAdded(assistantMessage({ thread_id: call.thread.id, id: 'a' })),
    ...Array.from({ length: 20 }, (_, i) => textDelta('a', `${i} `)),
    progressUpdate('p'),
    ...Array.from({ length: 20 }, (_, i) => textDelta('a', `${i} `)),
    itemDone(assistantMessage({ thread_id: call.thread.id, id: 'a', text: 'whole' })),
  ];
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 6 }), async (cuts) => {
      const t = testServer({ respond: scriptedResponder(script) });
      let response = await t.send(create(), { headers: named('r') });
      const events: ThreadStreamEvent[] = [];
      let last = '1-0';
      for (const cut of [...cuts, Number.POSITIVE_INFINITY]) {
        let seen = 0;
        const frames = await readUntil(response, () => ++seen >= cut);
        events.push(...eventsOf(frames));
        last = idsOf(frames).at(-1) ?? last;
        if (outcomeOf(frames) !== undefined) break;
        response = await t.attach(`run=r&after=${last}`);
      }
      const whole = eventsOf(await framesOf(await t.attach('run=r')));
      expect(shown(events)).toEqual(shown(whole));
      expect(textIn(events)).toBe(textIn(whole));
    }),
    { numRuns: 60 },
  );
});

/** All streamed text, in order: tells a gap or a repeat that the final item would hide. */
const textIn = (events: readonly ThreadStreamEvent[]): string =>
  events.flatMap((event) => ('update' in event && 'delta' in event.update ? [event.update.delta] : [])).join('');
