// A log that fails, and a store that fails where nobody expects it.
import {
  assistantMessage,
  itemAdded,
  itemDone,
  type LogEntry,
  type StreamLog,
  type ThreadMetadata,
  textDelta,
} from '@chatkit/core';
import { createMemoryLog } from '@chatkit/store/memory';
import { collect } from '@chatkit/stream';
import { createVirtualClock, hang, say, scriptedResponder } from '@chatkit/testing';
import { describe, expect, test, vi } from 'vitest';
import {
  ada,
  add,
  cancel,
  create,
  eventsOf,
  framesOf,
  named,
  optIn,
  outcomeOf,
  readUntil,
  settle,
  shown,
  testServer,
  textOf,
} from './support.ts';

const thread: ThreadMetadata = {
  id: 'thr_1',
  created_at: '2026-01-01T00:00:00Z',
  status: { type: 'active' },
  metadata: {},
};

const halfway = () =>
  scriptedResponder((call) => [
    itemAdded(assistantMessage({ thread_id: call.thread.id, id: 'a' })),
    textDelta('a', 'half'),
    textDelta('a', ' and half'),
    hang(),
  ]);

test('a log that cannot be opened is a 500, and nothing is stored', async () => {
  const t = testServer({ log: { ...createMemoryLog(), create: () => Promise.reject(new Error('no route to log')) } });
  const answer = await t.json(create());
  expect(answer).toMatchObject({ status: 500, error: { code: 'internal' } });
  expect(JSON.stringify(answer)).not.toContain('route');
  expect(await t.json({ type: 'threads.list', params: {} })).toMatchObject({ data: [] });
  expect(t.errors.map(String)).toContain('Error: no route to log');
});

test.each(['throws', 'rejects'])(
  'a log that %s in the middle stops the run; what was written is kept, without a note',
  async (how) => {
    const log = createMemoryLog();
    let hasFailed = false;
    const append = (runId: string, batch: readonly LogEntry[]) => {
      if (hasFailed || !JSON.stringify(batch).includes(' and half')) return log.append(runId, batch);
      hasFailed = true;
      if (how === 'throws') throw new Error('log full');
      return Promise.reject(new Error('log full'));
    };
    const respond = halfway();
    const t = testServer({ respond, log: { ...log, append } });
    const events = eventsOf(
      await readUntil(await t.send(create(), { headers: named('r') }), (seen) => JSON.stringify(seen).includes('half')),
    );
    await settle();
    // What comes behind a gap would be read as if there were none.
    expect((await collect(log.read('r'))).slice(-3)).toMatchObject([
      { event: { update: { delta: 'half' } } },
      { event: { type: 'error' } },
      { end: 'failed' },
    ]);
    expect(respond.calls[0]?.signal?.reason).toMatchObject({ code: 'run.failed' });
    expect(respond.calls[0]?.outcome).not.toBe('running');
    const id = (events[0] as { thread: { id: string } }).thread.id;
    expect((await t.items(id)).map((item) => textOf(item) || item.type)).toEqual(['hi', 'half and half']);
    expect(t.errors.map(String)).toContain('Error: log full');
  },
);

test('a run that is stopped while its log is created has its end there, for readers elsewhere', async () => {
  const log = createMemoryLog();
  const t = testServer({
    log: {
      ...log,
      async create(runId) {
        await log.create(runId);
        void t.json(cancel(runId));
        await settle();
      },
    },
    respond: halfway(),
  });
  const id = await t.store.saveThread(thread, ada).then(() => thread.id);
  const refused = await t.json(add(id), { headers: named('r') });
  expect(refused).toMatchObject({ status: 409, error: { code: 'run.cancelled' } });
  expect(await collect(log.read('r'))).toMatchObject([{ end: 'cancelled' }]);
  expect(await t.items(id)).toEqual([]);
});

test.each(['by then', 'while it waits for room'])(
  'a run that is stopped does not wait until readers have made room in its log, full %s',
  async (when) => {
    const log = createMemoryLog();
    let isFull = when !== 'by then';
    const append: StreamLog['append'] = (runId, batch) => {
      const appended = log.append(runId, batch);
      const isWaiting = isFull && (when === 'by then' || JSON.stringify(batch).includes('thread.item.added'));
      return isWaiting && !batch.some((entry) => 'end' in entry) ? new Promise(() => {}) : appended;
    };
    const t = testServer({ log: { ...log, append }, respond: halfway(), cancelGraceMs: 0 });
    const frames = t.send(create(), { headers: named('r') }).then(framesOf);
    await settle();
    isFull = true;
    expect(await t.json(cancel('r'))).toEqual({ status: 200 });
    expect(outcomeOf(await frames)).toBe('cancelled');
    const type = when === 'by then' ? 'thread.item.done' : 'thread.item.removed';
    expect(eventsOf(await frames).at(-1)).toMatchObject({ type });
  },
);

describe.each(['throws at', 'rejects'])('a log that %s the last entry', (how) => {
  const failing = (alsoRefused = '') => {
    const log = createMemoryLog();
    const append: StreamLog['append'] = (runId, batch) => {
      const isRefused =
        batch.some((entry) => 'end' in entry) || (alsoRefused && JSON.stringify(batch).includes(alsoRefused));
      if (!isRefused) return log.append(runId, batch);
      if (how === 'throws at') throw new Error('log full');
      return Promise.reject(new Error('log full'));
    };
    const clock = createVirtualClock();
    const respond = scriptedResponder([say('a', 'b', 'c')]);
    return { clock, t: testServer({ clock, respond, log: { ...log, append } }) };
  };

  test('ends those who read, and those who come later, with what the others were told', async () => {
    const { t } = failing();
    const frames = await framesOf(await t.send(create(), { headers: named('r') }));
    expect(outcomeOf(frames)).toBe('completed');
    expect(t.errors.map(String)).toEqual(['Error: log full']);
    expect(await framesOf(await t.attach('run=r', { headers: optIn }))).toEqual(frames);
    const offsets = frames.flatMap(({ id }) => id ?? []);
    for (const [at, offset] of offsets.entries()) {
      const rest = await t.attach(`run=r&after=${offset}`, { headers: optIn });
      const ids = (await framesOf(rest)).flatMap(({ id }) => id ?? []);
      // The last one has everything.
      expect([offset, rest.status, ids.at(-1)]).toEqual(
        at === offsets.length - 1 ? [offset, 204, undefined] : [offset, 200, offsets.at(-1)],
      );
    }
    // A plain client as well, and the thread is free.
    expect((await t.events(create())).at(-1)?.type).toBe('thread.item.done');
  });

  test('ends a reader that is far behind once it has read what there is', async () => {
    const { t } = failing();
    const slow = await t.send(create(), { headers: named('r') });
    await settle();
    const frames = await framesOf(slow);
    expect(outcomeOf(frames)).toBe('completed');
    expect(shown(eventsOf(frames)).map(textOf)).toEqual(['hi', 'abc']);
  });

  test('and one before it: readers are ended after a second in which nothing comes', async () => {
    const { t, clock } = failing('"b"');
    const frames = framesOf(await t.send(create(), { headers: named('r') }));
    await clock.advance(3_000);
    expect(outcomeOf(await frames)).toBe('failed');
    const later = t.attach('run=r', { headers: optIn });
    await clock.advance(3_000);
    const all = framesOf(await later);
    await clock.advance(3_000);
    expect(outcomeOf(await all)).toBe('failed');
    expect(clock.pending).toBeLessThanOrEqual(1);
  });
});

test('a store that fails during an attach, a cancel or a delete is a 500, not "no such run"', async () => {
  const t = testServer({ respond: halfway() });
  const response = await t.send(create(), { headers: { ...optIn, 'chatkit-run-id': 'r' } });
  await settle();
  t.store.loadThread = () => Promise.reject(new Error('connection refused'));
  expect((await t.attach('run=r')).status).toBe(500);
  expect((await t.json({ type: 'runs.cancel', params: { run_id: 'r' } })).status).toBe(500);
  expect((await t.json({ type: 'threads.delete', params: { thread_id: 'x' } })).status).toBe(500);
  await response.body?.cancel();
});

test.each<[string, (error: Error) => void]>([
  [
    'throws',
    (error) => {
      throw error;
    },
  ],
  [
    'rejects',
    async (error) => {
      throw error;
    },
  ],
])('an onError that %s breaks nothing', async (_, fail) => {
  const printed = vi.spyOn(console, 'error').mockImplementation(() => {});
  const second = new Error('no disk for the log');
  const t = testServer({
    respond: scriptedResponder([{ type: 'script.fail', error: new Error('model gone') }]),
    onError: () => fail(second),
  });
  const events = await t.events(create());
  expect(events.at(-1)).toMatchObject({ type: 'error', code: 'stream.error' });
  await t.server.close();
  expect(printed.mock.calls).toEqual([['chatkit: onError threw', second]]);
  printed.mockRestore();
});

test('a run whose store fails at the stop settles all the same, and the next message works', async () => {
  const t = testServer({
    respond: scriptedResponder((call, index) =>
      index === 0 ? [itemAdded(assistantMessage({ thread_id: call.thread.id })), hang()] : [],
    ),
  });
  const response = await t.send(create(), { headers: { ...optIn, 'chatkit-run-id': 'r' } });
  await settle();
  const [{ id }] = (await t.json({ type: 'threads.list', params: {} })).data;
  const { saveItem, loadItem } = t.store;
  const broken = () => Promise.reject<never>(new Error('disk full'));
  Object.assign(t.store, { saveItem: broken, loadItem: broken });
  expect(await t.json({ type: 'runs.cancel', params: { run_id: 'r' } })).toEqual({ status: 200 });
  Object.assign(t.store, { saveItem, loadItem });
  await response.text();
  expect(await t.events(add(id))).toHaveLength(2);
});

test.each([
  'an item',
  'a delta',
  'an item larger than the log',
  'a delta larger than the log, in the middle of a turn',
])(
  '%s that is too large ends the run with event.too_large; what came before is kept, it is not stored',
  async (what) => {
    const big = 'x'.repeat(what.includes('turn') ? 3_000 : 20_000);
    const t = testServer({
      respond: scriptedResponder((call) => [
        itemAdded(assistantMessage({ thread_id: call.thread.id, id: 'a' })),
        textDelta('a', 'ha'),
        textDelta('a', 'lf'),
        what.startsWith('a delta')
          ? textDelta('a', big)
          : itemDone(assistantMessage({ thread_id: call.thread.id, id: 'b', text: big })),
        textDelta('a', 'never'),
      ]),
      // Either the server knows the limit, or the log does.
      ...(what.includes('than the log')
        ? { log: createMemoryLog({ maxBytesPerRun: big.length / 2 }) }
        : { maxEventBytes: 10_000 }),
    });
    const frames = await framesOf(await t.send(create(), { headers: optIn }));
    const events = eventsOf(frames);
    expect(outcomeOf(frames)).toBe('failed');
    expect(events.at(-1)).toEqual({ type: 'error', code: 'event.too_large', allow_retry: false });
    expect(shown(events).map((item) => textOf(item))).toEqual(['hi', 'half']);
    expect(t.errors).toEqual([expect.objectContaining({ code: 'event.too_large' })]);
    const id = (events[0] as { thread: { id: string } }).thread.id;
    if (!what.includes('than the log')) expect((await t.items(id)).map((item) => textOf(item))).toEqual(['hi', 'half']);
    expect(await t.events(add(id))).not.toHaveLength(0);
  },
);

test('an answer whose deltas add up to more than an event may have is taken back, not left open', async () => {
  const t = testServer({
    respond: scriptedResponder((call) => [
      itemAdded(assistantMessage({ thread_id: call.thread.id, id: 'a' })),
      ...Array.from({ length: 20 }, () => textDelta('a', 'x'.repeat(1_000))),
    ]),
    maxEventBytes: 10_000,
  });
  const events = await t.events(create());
  expect(events.at(-1)).toEqual({ type: 'thread.item.removed', item_id: 'a' });
  expect(t.errors).toEqual([]);
});

test('an item that no reader is shown may be of any size', async () => {
  const t = testServer({
    respond: scriptedResponder((call) => [
      itemDone({
        type: 'hidden_context_item',
        id: 'h',
        thread_id: call.thread.id,
        created_at: '2026-01-01T00:00:00Z',
        content: 'x'.repeat(20_000),
      }),
    ]),
    maxEventBytes: 10_000,
  });
  const frames = await framesOf(await t.send(create(), { headers: optIn }));
  expect(outcomeOf(frames)).toBe('completed');
});
