// Two servers that share a store, a log and a lease: what one runs, the other finds, follows, stops and replaces.
import {
  assistantMessage,
  ChatKitError,
  itemAdded,
  itemDone,
  type LogEntry,
  type RunLease,
  type RunRecord,
  type Store,
  type StreamLog,
  type ThreadMetadata,
  textDelta,
} from '@chatkit/core';
import { createOrderChecker } from '@chatkit/core/order';
import { createMemoryLease, createMemoryLog, createMemoryStore } from '@chatkit/store/memory';
import { createVirtualClock, hang, type ScriptedResponder, say, scriptedResponder } from '@chatkit/testing';
import { describe, expect, test } from 'vitest';
import {
  ada,
  add,
  create,
  eve,
  eventsOf,
  framesOf,
  halfway,
  named,
  type Options,
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

const thread: ThreadMetadata = {
  id: 'thr_1',
  created_at: '2026-01-01T00:00:00Z',
  status: { type: 'active' },
  metadata: {},
};

/** A log that refuses entries of an epoch that has passed, as a shared one must. */
const fenced = (log: StreamLog): StreamLog & { refused: LogEntry[] } => {
  const epochs = new Map<string, number>();
  const refused: LogEntry[] = [];
  return {
    ...log,
    refused,
    append(runId, entries) {
      const epoch = Number(entries[0]?.offset.split('-')[0]);
      const newest = Math.max(epochs.get(runId) ?? 0, epoch);
      epochs.set(runId, newest);
      if (epoch === newest) return log.append(runId, entries);
      refused.push(...entries);
      return Promise.reject(new Error('fenced'));
    },
  };
};

const pair = (
  respondA: ScriptedResponder = halfway(),
  options: Parameters<typeof testServer>[0] = {},
  broken: Partial<RunLease> = {},
) => {
  const clock = createVirtualClock();
  const store = createMemoryStore<User>();
  const log = fenced(createMemoryLog());
  const shared = createMemoryLease({ ttlMs: 1_000, clock });
  let listening = 0;
  const counted =
    <Listener>(listen: (listener: Listener) => () => void) =>
    (listener: Listener) => {
      const end = listen(listener);
      listening += 1;
      return () => {
        listening -= 1;
        end();
      };
    };
  const lease: RunLease = { ...shared, onStop: counted(shared.onStop), onFree: counted(shared.onFree), ...broken };
  const common = { store, log, clock, cancelGraceMs: 100, ...options };
  /** What A alone can be cut off from. */
  const line = { up: true };
  const unlessDown = <T>(work: () => Promise<T>): Promise<T> => (line.up ? work() : new Promise<T>(() => {}));
  const leaseOfA: RunLease = {
    ...lease,
    renew: (record, waiter) => unlessDown(() => lease.renew(record, waiter)),
    release: (record, outcome) => unlessDown(() => lease.release(record, outcome)),
    reap: () => unlessDown(() => lease.reap()),
  };
  const respondB = scriptedResponder([say('from B')]);
  const a = testServer({ ...common, respond: respondA, lease: leaseOfA });
  const b = testServer({ ...common, respond: respondB, lease });
  const start = async () => {
    const response = await a.send(create(), { headers: named('r') });
    await settle();
    const [{ id }] = (await a.json({ type: 'threads.list', params: {} })).data;
    return { response, id: id as string };
  };
  /** Lets time go by until `work` is done. */
  const passing = async <T>(work: Promise<T>): Promise<T> => {
    let done = false;
    const marked = work.finally(() => {
      done = true;
    });
    marked.catch(() => {});
    while (!done) await clock.advance(10);
    return marked;
  };
  return { a, b, clock, log, lease, listening: () => listening, line, respondA, respondB, start, passing };
};

/** Machines that do not hear each other: what they know, they have asked for. */
const deaf: Partial<RunLease> = { onStop: () => () => {}, onFree: () => () => {} };

test('a reader on B gets what A makes, from the start or from an offset, and the end', async () => {
  const { b, clock, start, respondA, a, passing } = pair();
  const { response, id } = await start();
  expect(
    (await b.send({ type: 'threads.get_by_id', params: { thread_id: id } }, { headers: optIn })).headers.get(
      'chatkit-active-run',
    ),
  ).toBe('r');
  const onB = await passing(b.attach('run=r'));
  const later = await passing(b.attach('run=r&after=1-3'));
  const [one, two, three] = [framesOf(response), framesOf(onB), framesOf(later)];
  await passing(a.json({ type: 'runs.cancel', params: { run_id: 'r' } }));
  expect(eventsOf(await two)).toEqual(eventsOf(await one));
  expect(eventsOf(await three)).toEqual(eventsOf(await one).slice(3));
  expect(outcomeOf(await two)).toBe('cancelled');
  expect(respondA.calls[0]?.outcome).toBe('threw');
  expect((await passing(b.attach(`run=r&after=${(await one).at(-1)?.id}`))).status).toBe(204);
  await clock.advance(0);
});

test('a stop on B ends A’s generator; a stop of somebody else’s run does not', async () => {
  const { b, start, respondA, passing } = pair();
  const { response } = await start();
  const cancel = (run_id: string, context = ada) => b.json({ type: 'runs.cancel', params: { run_id } }, { context });
  const unknown = await cancel('nobody', eve);
  expect(await cancel('r', eve)).toEqual(unknown);
  expect((await b.attach('run=r', { context: eve })).status).toBe(404);
  expect(respondA.calls[0]?.outcome).toBe('running');
  expect(await passing(cancel('r'))).toEqual({ status: 200 });
  expect(respondA.calls[0]?.outcome).toBe('threw');
  expect(outcomeOf(await framesOf(response))).toBe('cancelled');
  expect(await passing(cancel('r'))).toEqual({ status: 200 });
});

describe('a message on B while A runs', () => {
  test('interrupt: A is stopped, its text is kept, B answers', async () => {
    const { a, b, start, passing } = pair();
    const { response, id } = await start();
    await passing(b.events(add(id, 'two')));
    expect(outcomeOf(await framesOf(response))).toBe('cancelled');
    expect((await a.items(id)).filter(({ type }) => type !== 'sdk_hidden_context').map(textOf)).toEqual([
      'hi',
      'half',
      'two',
      'from B',
    ]);
  });

  test('interrupt: one that is overtaken by a message on A is stored, and answered by nobody', async () => {
    const { a, b, clock, start, respondA, respondB, passing } = pair(halfway({ deaf: true }), {}, deaf);
    const { id } = await start();
    const one = b.send(add(id, 'one'), { headers: named('one') }).then(framesOf);
    await clock.advance(20);
    const two = a.send(add(id, 'two'), { headers: named('two') }).then(framesOf);
    expect(outcomeOf(await passing(one))).toBe('cancelled');
    expect(outcomeOf(await passing(two))).toBe('completed');
    expect([respondA.calls.length, respondB.calls.length]).toEqual([2, 0]);
    expect((await a.items(id)).map(textOf).filter(Boolean)).toEqual(['hi', 'half', 'one', 'two', 'answer 1']);
  });

  test('a request that cannot be served leaves A alone', async () => {
    const { b, start, respondA, passing } = pair();
    const { id } = await start();
    expect((await passing(b.json(add(id, 'x', { attachments: ['none'] })))).status).toBe(404);
    expect((await passing(b.json(add(id, 'x'), { context: eve }))).status).toBe(404);
    expect(respondA.calls[0]?.outcome).toBe('running');
  });

  test('reject: 409', async () => {
    const { b, start, passing } = pair(halfway(), { busy: 'reject' });
    const { id } = await start();
    expect((await passing(b.json(add(id)))).status).toBe(409);
  });

  test('queue: B has its stream at once and answers after A', async () => {
    const { a, b, start, passing } = pair(halfway(), { busy: 'queue' });
    const { id } = await start();
    const waiting = await passing(b.send(add(id, 'two'), { headers: optIn }));
    expect(waiting.status).toBe(200);
    const frames = framesOf(waiting);
    await passing(a.json({ type: 'runs.cancel', params: { run_id: 'r' } }));
    expect(outcomeOf(await passing(frames))).toBe('completed');
  });

  test('a waiting message that is cancelled is not stored', async () => {
    const { b, start, passing } = pair(halfway(), { busy: 'queue' });
    const { id } = await start();
    const waiting = await passing(b.send(add(id, 'two'), { headers: named('w') }));
    await passing(b.json({ type: 'runs.cancel', params: { run_id: 'w' } }));
    expect(outcomeOf(await framesOf(waiting))).toBe('cancelled');
    expect((await b.items(id)).map(textOf)).toEqual(['hi']);
  });
});

describe('messages between the machines are lost', () => {
  test('a stop reaches A with its next renewal', async () => {
    const { b, clock, start, respondA, passing } = pair(halfway(), {}, deaf);
    const { response } = await start();
    const before = clock.now();
    expect(await passing(b.json({ type: 'runs.cancel', params: { run_id: 'r' } }))).toEqual({ status: 200 });
    expect(clock.now() - before).toBeLessThanOrEqual(1_000);
    expect(respondA.calls[0]?.outcome).toBe('threw');
    expect(outcomeOf(await framesOf(response))).toBe('cancelled');
  });

  test.each(['interrupt', 'queue'] as const)('a message that waits on B asks again (%s)', async (busy) => {
    const { a, b, clock, start, passing } = pair(halfway(), { busy }, deaf);
    const { id } = await start();
    const waiting = b.send(add(id, 'two'), { headers: optIn }).then(framesOf);
    await clock.advance(2_000);
    if (busy === 'queue') await passing(a.json({ type: 'runs.cancel', params: { run_id: 'r' } }));
    const before = clock.now();
    expect(outcomeOf(await passing(waiting))).toBe('completed');
    expect(clock.now() - before).toBeLessThanOrEqual(300);
    expect((await b.items(id)).map(textOf).filter(Boolean).slice(-2)).toEqual(['two', 'from B']);
  });
});

test('deleting the thread on B stops A first', async () => {
  const { b, start, respondA, passing } = pair();
  const { id } = await start();
  await passing(b.json({ type: 'threads.delete', params: { thread_id: id } }));
  expect(respondA.calls[0]?.outcome).toBe('threw');
  expect(await b.items(id)).toEqual([]);
});

test('deleting keeps others out of the thread for as long as it takes, which may be longer than a lease', async () => {
  let delivered = (): void => {};
  const store = createMemoryStore<User>();
  const { a, b, clock, lease, passing } = pair(scriptedResponder([say('all')]), {
    store: {
      ...store,
      deleteThread: (id, context) =>
        new Promise((resolve) => {
          delivered = () => resolve(store.deleteThread(id, context));
        }),
    },
  });
  const id = await a.create();
  const deleted = a.json({ type: 'threads.delete', params: { thread_id: id } });
  await clock.advance(10_000);
  const sent = b.json(add(id));
  await clock.advance(1_000);
  expect(await lease.activeIn(id)).toBeDefined();
  delivered();
  expect((await passing(deleted)).status).toBe(200);
  expect((await passing(sent)).error.code).toBe('thread.not_found');
  expect(await lease.activeIn(id)).toBeUndefined();
});

test.each<[string, RunLease['release']]>([
  [
    'throws at once',
    () => {
      throw new Error('no connection');
    },
  ],
  ['rejects', () => Promise.reject(new Error('no connection'))],
])(
  'a lease that %s instead of letting go keeps its thread no longer than it lasts, and that is reported',
  async (_, fail) => {
    let failures = 2;
    const clock = createVirtualClock();
    const lease = createMemoryLease({ ttlMs: 1_000, clock });
    const release: RunLease['release'] = (...of) => (failures-- > 0 ? fail(...of) : lease.release(...of));
    const t = testServer({ clock, lease: { ...lease, release }, respond: scriptedResponder([say('all')]) });
    const id = await t.create();
    const deleted = t.json({ type: 'threads.delete', params: { thread_id: id } });
    await clock.advance(5_000);
    expect((await deleted).status).toBe(200);
    const again = t.create();
    await clock.advance(5_000);
    expect(await lease.activeIn(await again)).toBeUndefined();
    expect(t.errors).toEqual([new Error('no connection'), new Error('no connection')]);
  },
);

test('a POST that is repeated on B attaches to A’s run', async () => {
  const { a, b, start, respondB, passing } = pair();
  const { response, id } = await start();
  const again = await passing(b.send(create(), { headers: named('r') }));
  const frames = framesOf(again);
  // A thread that is not there is what is wrong first, as without the run.
  expect((await passing(b.json(add('other'), { headers: named('r') }))).error.code).toBe('thread.not_found');
  await passing(a.json({ type: 'runs.cancel', params: { run_id: 'r' } }));
  expect(eventsOf(await frames)).toEqual(eventsOf(await framesOf(response)));
  expect(respondB.calls).toHaveLength(0);
  expect((await a.json({ type: 'threads.list', params: {} })).data.map((thread: { id: string }) => thread.id)).toEqual([
    id,
  ]);
});

test('a run that is renewed lives longer than its lease, and lets go at its end', async () => {
  const { a, clock, start, respondA, lease, passing } = pair();
  const { response, id } = await start();
  await clock.advance(10_000);
  expect(respondA.calls[0]?.outcome).toBe('running');
  await passing(a.json({ type: 'runs.cancel', params: { run_id: 'r' } }));
  await framesOf(response);
  await settle();
  expect(await lease.activeIn(id)).toBeUndefined();
});

test.each(['completes', 'is stopped'] as const)(
  'a run that %s lets go of its lease once its end is in the log, so that no reader elsewhere finds it ended without one',
  async (how) => {
    const log = createMemoryLog();
    let keepEnd: () => void = () => {};
    const append: StreamLog['append'] = (runId, entries) => {
      if (!entries.some((entry) => 'end' in entry)) return log.append(runId, entries);
      return new Promise((resolve) => {
        keepEnd = () => resolve(log.append(runId, entries));
      });
    };
    const { a, lease, start, passing } = pair(how === 'completes' ? scriptedResponder([say('all')]) : halfway(), {
      log: { ...log, append },
    });
    const { response } = await start();
    const body = response.text();
    const stopped = how === 'completes' ? undefined : a.json({ type: 'runs.cancel', params: { run_id: 'r' } });
    await settle();
    expect((await lease.find('r'))?.outcome).toBeUndefined();
    keepEnd();
    await passing(Promise.all([stopped, body]));
    expect((await lease.find('r'))?.outcome).toBe(how === 'completes' ? 'completed' : 'cancelled');
  },
);

test('a lease that has run out by the time A hears of it is none: A asks nobody, and stores nothing', async () => {
  const { a, b, clock, log, lease, respondA: respond } = pair();
  const late = testServer({
    ...{ store: a.store, log, clock, respond },
    lease: {
      ...lease,
      async acquire(claim, waiter) {
        const answer = await lease.acquire(claim, waiter);
        await clock.sleep(1_600);
        return answer;
      },
    },
  });
  const sent = late.send(create(), { headers: named('r') });
  await clock.advance(1_600);
  // It is another machine's by now, which has ended it.
  expect(await lease.find('r')).toMatchObject({ epoch: 2, outcome: 'interrupted' });
  await clock.advance(5_000);
  expect(respond.calls).toEqual([]);
  expect((await b.json({ type: 'threads.list', params: {} })).data).toEqual([]);
  expect((await (await sent).json()).error).toMatchObject({ code: 'run.cancelled', retryable: true });
});

test('a reader on A of a run that is lost before it has begun is told the end that another machine gives it', async () => {
  const clock = createVirtualClock();
  const [log, lease] = [createMemoryLog(), createMemoryLease({ ttlMs: 1_000, clock })];
  const common = { clock, store: createMemoryStore<User>(), respond: halfway() };
  const never = () => new Promise<never>(() => {});
  const a = testServer({
    ...common,
    lease: { ...lease, renew: never, release: never, reap: never },
    log: { ...log, create: (runId) => log.create(runId).then(() => clock.sleep(3_000)) },
  });
  const b = testServer({ ...common, lease, log });
  await a.store.saveThread(thread, ada);
  const sent = a.json(add(thread.id), { headers: named('r') });
  await settle();
  const reading = a.attach('run=r').then(framesOf);
  await clock.advance(3_000);
  expect(outcomeOf(await reading)).toBe('interrupted');
  expect(await sent).toMatchObject({ status: 409 });
  await b.server.close();
});

test('dead runs are looked for when a server starts, and then twice a lease or as often as the lease says', async () => {
  for (const [reapMs, expected] of [
    [undefined, [0, 500, 1_000]],
    [Number.POSITIVE_INFINITY, [0]],
    [100, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000]],
  ] as const) {
    const clock = createVirtualClock();
    const looks: number[] = [];
    const lease: RunLease = {
      ...createMemoryLease({ ttlMs: 1_000, clock }),
      reapMs,
      async reap() {
        looks.push(clock.now());
        return [];
      },
    };
    const start = clock.now();
    const { server } = testServer({ clock, lease, log: createMemoryLog(), respond: scriptedResponder([]) });
    await clock.advance(1_000);
    expect(looks.map((at) => at - start)).toEqual(expected);
    await server.close();
  }
});

test('where nobody else can die, a server looks when it starts, and for a while after each of its runs', async () => {
  const clock = createVirtualClock();
  let looks = 0;
  const shared = createMemoryLease({ ttlMs: 1_000, clock });
  let isBroken = true;
  const lease: RunLease = {
    ...shared,
    reapMs: Number.POSITIVE_INFINITY,
    release: (record, outcome) => (isBroken ? Promise.reject(new Error('no disk')) : shared.release(record, outcome)),
    async reap() {
      looks += 1;
      return shared.reap();
    },
  };
  const { events, server, errors } = testServer({
    clock,
    lease,
    log: createMemoryLog(),
    respond: scriptedResponder([say('one'), say('two')]),
  });
  await clock.advance(10_000);
  expect(looks).toBe(1);
  const told = await events(create());
  const { id } = told.find((each) => each.type === 'thread.created')?.thread ?? { id: '' };
  await settle();
  expect(errors).toEqual([new Error('no disk')]);
  isBroken = false;
  // Its lease runs out as one of a dead machine would, and is not held for ever.
  await clock.advance(2_000);
  expect(await lease.activeIn(id)).toBeUndefined();
  await clock.advance(3_000);
  const before = looks;
  await clock.advance(60_000);
  expect(looks).toBe(before);
  await events(add(id, 'two'));
  await clock.advance(60_000);
  expect(looks).toBeGreaterThan(before);
  await server.close();
});

test('a look that fails is reported, and made again where only this server looks', async () => {
  const clock = createVirtualClock();
  let looks = 0;
  const lease: RunLease = {
    ...createMemoryLease({ ttlMs: 1_000, clock }),
    reapMs: Number.POSITIVE_INFINITY,
    async reap() {
      looks += 1;
      if (looks === 1) throw new Error('no disk');
      return [];
    },
  };
  const { server, errors } = testServer({ clock, lease, log: createMemoryLog() });
  await clock.advance(60_000);
  expect(looks).toBeGreaterThan(1);
  expect(errors).toEqual([new Error('no disk')]);
  await server.close();
});

test('a dead run whose end cannot be written is found again where only this server looks', async () => {
  const clock = createVirtualClock();
  const lease = createMemoryLease({ ttlMs: 1_000, clock });
  await lease.acquire({ runId: 'dead', threadId: 'thr_1', resumable: true, userId: 'ada' });
  await clock.advance(1_000);
  const log = createMemoryLog();
  let failures = 1;
  const { server, errors } = testServer({
    clock,
    lease: { ...lease, reapMs: Number.POSITIVE_INFINITY },
    log: {
      ...log,
      create: (...of) => (failures-- > 0 ? Promise.reject(new Error('no disk')) : log.create(...of)),
    },
  });
  await clock.advance(60_000);
  expect(await lease.find('dead')).toMatchObject({ outcome: 'interrupted' });
  expect(errors).toEqual([new Error('no disk')]);
  await server.close();
});

describe('A dies', () => {
  const down = new Error('down');
  test.each(['interrupt', 'queue'] as const)(
    'readers get the end within the lease and a second, and the next message works (%s)',
    async (busy) => {
      const { b, clock, line, start, passing } = pair(halfway({ deaf: true }), { busy });
      const { id } = await start();
      const frames = framesOf(await passing(b.attach('run=r')));
      const before = clock.now();
      line.up = false;
      expect(outcomeOf(await passing(frames))).toBe('interrupted');
      expect(clock.now() - before).toBeLessThanOrEqual(2_000);
      const events = eventsOf(await frames);
      expect(outline(events).slice(-2)).toEqual(['error', 'thread.item.removed']);
      expect(events.at(-2)).toEqual({
        type: 'error',
        code: 'run.interrupted',
        message: 'The answer was interrupted.',
        allow_retry: true,
      });
      expect(shown(events)).toEqual(await b.items(id));
      await passing(b.events(add(id, 'two')));
      expect((await b.items(id)).map(textOf)).toEqual(['hi', 'two', 'from B']);
    },
  );

  test('with many runs, of which the lease gives few at once: all are told within the lease and a second', async () => {
    const { a, b, clock, lease, line, passing } = pair(
      scriptedResponder(() => [say('half'), hang({ deaf: true })]),
      { maxRunsPerUser: 20 },
    );
    const { reap } = lease;
    const dead: RunRecord[] = [];
    lease.reap = async () => {
      dead.push(...(await reap()));
      return dead.splice(0, 3);
    };
    const names = Array.from({ length: 20 }, (_, n) => `r${n}`);
    for (const name of names) await a.send(create(), { headers: named(name) });
    await settle();
    const ends: unknown[] = [];
    for (const name of names) {
      const frames = framesOf(await passing(b.attach(`run=${name}`)));
      void frames.then((all) => ends.push(outcomeOf(all)));
    }
    line.up = false;
    await clock.advance(2_000);
    expect(ends).toEqual(names.map(() => 'interrupted'));
  });

  test('with many runs: eight are closed at a time, and one that takes long keeps up no other', async () => {
    let [begun, closing, most] = [0, 0, 0];
    const contextOf = async (userId: string) => {
      begun += 1;
      closing += 1;
      most = Math.max(most, closing);
      const ms = begun === 1 ? 500 : 50;
      await new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
      closing -= 1;
      return { userId };
    };
    const { a, b, clock, line, passing } = pair(
      scriptedResponder(() => [say('half'), hang({ deaf: true })]),
      { maxRunsPerUser: 20, contextOf },
    );
    const names = Array.from({ length: 20 }, (_, n) => `r${n}`);
    for (const name of names) await a.send(create(), { headers: named(name) });
    await settle();
    const ended: string[] = [];
    for (const name of names)
      void framesOf(await passing(b.attach(`run=${name}`))).then((all) => ended.push(`${name} ${outcomeOf(all)}`));
    line.up = false;
    while (closing === 0) await clock.advance(10);
    await clock.advance(200);
    // Those after the first did not wait for it.
    expect(ended.sort()).toEqual(
      names
        .slice(1)
        .map((name) => `${name} interrupted`)
        .sort(),
    );
    await clock.advance(400);
    expect(ended).toHaveLength(20);
    expect(most).toBe(8);
  });

  test('an application that never answers for one of its runs does not end the looking for others', async () => {
    let asked = 0;
    const { b, line, start, passing } = pair(halfway({ deaf: true }), {
      contextOf: (userId: string) => {
        asked += 1;
        return asked === 1 ? new Promise<User>(() => {}) : { userId };
      },
    });
    const { id } = await start();
    const frames = framesOf(await passing(b.attach('run=r')));
    line.up = false;
    expect(outcomeOf(await passing(frames))).toBe('interrupted');
    expect((await b.items(id)).map(textOf)).toEqual(['hi', 'half']);
    expect(asked).toBe(2);
  });

  test('what it had written is kept, in the name of its user, and shown by the log and by the store', async () => {
    const kept: { pending: number; code: unknown; context: User }[] = [];
    const { a, b, clock, line, start, passing, respondB } = pair(
      scriptedResponder((call) => [
        itemDone(assistantMessage({ thread_id: call.thread.id, id: 'whole', text: 'whole' })),
        itemAdded(assistantMessage({ thread_id: call.thread.id, id: 'a' })),
        textDelta('a', 'half'),
        itemAdded(assistantMessage({ thread_id: call.thread.id, id: 'empty' })),
        hang({ deaf: true }),
      ]),
      { contextOf: (userId: string) => ({ userId }) },
    );
    for (const { server } of [a, b]) {
      const { handleStreamCancelled } = server;
      server.handleStreamCancelled = (thread, pending, context, run) => {
        kept.push({ pending: pending.length, code: run.signal.reason.code, context });
        return handleStreamCancelled.call(server, thread, pending, context, run);
      };
    }
    const { id } = await start();
    const frames = framesOf(await passing(b.attach('run=r')));
    line.up = false;
    expect(outcomeOf(await passing(frames))).toBe('interrupted');
    const events = eventsOf(await frames);
    expect(outline(events).slice(-3)).toEqual(['error', 'thread.item.done assistant_message', 'thread.item.removed']);
    const checker = createOrderChecker();
    for (const event of events) expect(checker.check(event)).toBeUndefined();
    expect(checker.end()).toBeUndefined();
    expect((await b.items(id)).map(textOf)).toEqual(['hi', 'whole', 'half']);
    expect(shown(events)).toEqual(await b.items(id));
    expect(kept).toEqual([{ pending: 2, code: 'run.interrupted', context: ada }]);
    // It wakes and adds nothing; the next message is answered behind what was kept.
    line.up = true;
    await clock.advance(2_000);
    await passing(b.events(add(id, 'two')));
    expect((await b.items(id)).map(textOf)).toEqual(['hi', 'whole', 'half', 'two', 'from B']);
    expect(respondB.calls).toHaveLength(1);
    expect([...a.errors, ...b.errors]).toEqual([]);
  });

  test('in a program without users it is kept as well, in no context, without being told which', async () => {
    const nobody = { context: null as unknown as User };
    const { a, b, line, passing } = pair(halfway({ deaf: true }));
    await a.send(create(), { headers: named('r'), ...nobody });
    await settle();
    const [{ id }] = (await a.json({ type: 'threads.list', params: {} }, nobody)).data;
    const frames = framesOf(await passing(b.attach('run=r', nobody)));
    line.up = false;
    expect(outcomeOf(await passing(frames))).toBe('interrupted');
    expect(outline(eventsOf(await frames)).slice(-2)).toEqual(['error', 'thread.item.done assistant_message']);
    const items = (await b.json({ type: 'items.list', params: { thread_id: id, order: 'asc' } }, nobody)).data;
    expect(items.map(textOf)).toEqual(['hi', 'half']);
    expect([...a.errors, ...b.errors]).toEqual([]);
  });

  test('what it had stored and could not say any more stays as it is stored, and is told so', async () => {
    const store = createMemoryStore<User>();
    const kept: number[] = [];
    const { b, line, start, passing } = pair(halfway({ deaf: true }), {
      store,
      contextOf: (userId: string) => ({ userId }),
    });
    const { handleStreamCancelled } = b.server;
    b.server.handleStreamCancelled = (thread, pending, context, run) => {
      kept.push(pending.length);
      return handleStreamCancelled.call(b.server, thread, pending, context, run);
    };
    const { id } = await start();
    const frames = framesOf(await passing(b.attach('run=r')));
    // An item is stored before its event is in the log, which is behind.
    await store.saveItem(id, assistantMessage({ thread_id: id, id: 'a', text: 'half and the rest' }), ada);
    line.up = false;
    expect(outcomeOf(await passing(frames))).toBe('interrupted');
    expect(outline(eventsOf(await frames)).slice(-2)).toEqual(['error', 'thread.item.done assistant_message']);
    expect((await b.items(id)).map(textOf)).toEqual(['hi', 'half and the rest']);
    expect(shown(eventsOf(await frames))).toEqual(await b.items(id));
    expect(kept).toEqual([0]);
    expect(b.errors).toEqual([]);
  });

  test('what it had stored is not written over where the store fails to say that it has it', async () => {
    const store = createMemoryStore<User>();
    const { loadItem } = store;
    const { b, line, start, passing } = pair(halfway({ deaf: true }), {
      store,
      contextOf: (userId: string) => ({ userId }),
    });
    const { id } = await start();
    const frames = framesOf(await passing(b.attach('run=r')));
    await store.saveItem(id, assistantMessage({ thread_id: id, id: 'a', text: 'half and the rest' }), ada);
    let failures = 1;
    store.loadItem = (...of) => (failures-- > 0 ? Promise.reject(down) : loadItem(...of));
    line.up = false;
    expect(outcomeOf(await passing(frames))).toBe('interrupted');
    expect((await b.items(id)).map(textOf)).toEqual(['hi', 'half and the rest']);
    expect(shown(eventsOf(await frames))).toEqual(await b.items(id));
    expect(b.errors).toEqual([down]);
  });

  test('behind the end of its answer: the thread is freed, and the end stays what it was', async () => {
    const { b, clock, lease, line, start, passing } = pair(scriptedResponder([say('whole')]), {
      contextOf: (userId: string) => ({ userId }),
    });
    line.up = false;
    const { response, id } = await start();
    expect(outcomeOf(await framesOf(response))).toBe('completed');
    expect(await lease.activeIn(id)).toMatchObject({ runId: 'r' });
    await clock.advance(2_000);
    expect(await lease.activeIn(id)).toBeUndefined();
    expect(await lease.find('r')).toMatchObject({ outcome: 'completed' });
    expect((await b.items(id)).map(textOf)).toEqual(['hi', 'whole']);
    await passing(b.events(add(id, 'two')));
    expect((await b.items(id)).map(textOf)).toEqual(['hi', 'whole', 'two', 'from B']);
    expect(b.errors).toEqual([]);
  });

  test.each<[string, Error, string[], unknown[]]>([
    ['is lost where the log has lost its beginning', new ChatKitError('log.expired', 'Gone.'), ['hi'], []],
    ['is kept by the next look where the log cannot be read at once', down, ['hi', 'half'], [down]],
  ])('what it had written %s', async (_, error, kept, errors) => {
    const log = createMemoryLog();
    let failures = 0;
    const unreadable: AsyncIterable<LogEntry> = {
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }),
    };
    const { b, line, start, passing } = pair(halfway({ deaf: true }), {
      log: { ...log, read: (...of) => (failures-- > 0 ? unreadable : log.read(...of)) },
      contextOf: (userId: string) => ({ userId }),
    });
    const { id } = await start();
    const frames = framesOf(await passing(b.attach('run=r')));
    await settle();
    failures = 1;
    line.up = false;
    expect(outcomeOf(await passing(frames))).toBe('interrupted');
    expect((await b.items(id)).map(textOf)).toEqual(kept);
    expect(b.errors).toEqual(errors);
  });

  test.each<[string, Options, Partial<Store<User>>, unknown[]]>([
    ['its user cannot be looked up', { contextOf: () => Promise.reject(down) }, {}, [down]],
    ['the store is down', {}, { loadThread: () => Promise.reject(down) }, [down]],
    [
      'its thread is gone',
      {},
      { loadThread: () => Promise.reject(new ChatKitError('thread.not_found', 'There is no such thread.')) },
      [],
    ],
  ])('what cannot be kept is taken back: %s', async (_, options, broken, errors) => {
    const store = createMemoryStore<User>();
    const { b, line, start, passing } = pair(halfway({ deaf: true }), {
      store,
      contextOf: (userId: string) => ({ userId }),
      ...options,
    });
    const { id } = await start();
    const frames = framesOf(await passing(b.attach('run=r')));
    Object.assign(store, broken);
    line.up = false;
    expect(outcomeOf(await passing(frames))).toBe('interrupted');
    expect(outline(eventsOf(await frames)).slice(-2)).toEqual(['error', 'thread.item.removed']);
    expect((await b.items(id)).map(textOf)).toEqual(['hi']);
    expect(b.errors).toEqual(errors);
  });

  test.each<[string, Options]>([
    ['whose user is not known', { userOf: () => undefined, contextOf: (userId) => ({ userId }) }],
    ['of a user, if nobody says what a user’s context is', {}],
  ])('for a run %s the store is asked in no context but its own', async (_, options) => {
    const store = createMemoryStore<User>();
    const asked: User[] = [];
    const { b, line, start, passing } = pair(halfway({ deaf: true }), {
      ...options,
      store: {
        ...store,
        loadThread(id, context) {
          asked.push(context);
          return store.loadThread(id, context);
        },
      },
    });
    await start();
    const frames = framesOf(await passing(b.attach('run=r')));
    line.up = false;
    expect(outcomeOf(await passing(frames))).toBe('interrupted');
    expect(new Set(asked)).toEqual(new Set([ada]));
    expect(b.errors).toEqual([]);
  });

  test('and wakes as a zombie: it stores nothing, appends nothing, and its own readers see the end', async () => {
    let wake = () => {};
    const asleep = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const respond = scriptedResponder((call) => [
      itemAdded(assistantMessage({ thread_id: call.thread.id, id: 'a' })),
      textDelta('a', 'half'),
      { type: 'script.until', promise: asleep },
      say('zombie'),
    ]);
    const { b, clock, line, start, log, passing } = pair(respond);
    const { response, id } = await start();
    line.up = false;
    const own = framesOf(response);
    await clock.advance(3_000);
    wake();
    await settle();
    expect(outcomeOf(await own)).toBe('interrupted');
    await passing(b.events(add(id, 'two')));
    expect((await b.items(id)).map(textOf)).toEqual(['hi', 'two', 'from B']);
    expect(log.refused).toEqual([]);
  });

  test.each([
    ['an answer', () => say('after')],
    [
      'a whole item',
      ({ thread }: { thread: { id: string } }) => itemDone(assistantMessage({ thread_id: thread.id, text: 'after' })),
    ],
  ])(
    'suspended past its lease, it notices before it stores or writes %s, though no timer has fired',
    async (_, after) => {
      let wake = () => {};
      const asleep = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const machine = createVirtualClock();
      let skew = 0;
      const respond = scriptedResponder((call) => [
        say('before'),
        { type: 'script.until', promise: asleep },
        after(call),
      ]);
      const a = testServer({
        respond,
        clock: { ...machine, now: () => machine.now() + skew },
        lease: createMemoryLease({ ttlMs: 1_000, clock: machine }),
      });
      const response = await a.send(create(), { headers: named('r') });
      const events = eventsOf(await readUntil(response, (seen) => JSON.stringify(seen).includes('"text":"before"')));
      skew = 5_000;
      wake();
      await settle();
      expect(respond.calls[0]?.signal?.reason).toMatchObject({ code: 'run.interrupted', details: { cause: 'lost' } });
      const id = (events[0] as { thread: { id: string } }).thread.id;
      expect((await a.items(id)).map(textOf)).toEqual(['hi', 'before']);
    },
  );
});

test('suspended past its lease while it stores an item, it appends no more', async () => {
  const machine = createVirtualClock();
  let skew = 0;
  const [store, log] = [createMemoryStore<User>(), createMemoryLog()];
  const a = testServer({
    respond: scriptedResponder((call) => [
      say('before'),
      itemDone(assistantMessage({ thread_id: call.thread.id, id: 'late', text: 'late' })),
    ]),
    clock: { ...machine, now: () => machine.now() + skew },
    lease: createMemoryLease({ ttlMs: 1_000, clock: machine }),
    log,
    store: {
      ...store,
      async saveItem(threadId, item, context) {
        await store.saveItem(threadId, item, context);
        if (item.id === 'late') skew = 5_000;
      },
    },
  });
  await a.send(create(), { headers: named('r') });
  await settle();
  const seen: LogEntry[] = [];
  void (async () => {
    for await (const entry of log.read('r')) seen.push(entry);
  })();
  await settle();
  expect(JSON.stringify(seen)).toContain('before');
  expect(JSON.stringify(seen)).not.toContain('late');
});

test('close() ends the timers and the listening', async () => {
  const { a, b, lease, listening, start, passing } = pair();
  const { id } = await start();
  await passing(Promise.all([a.server.close({ graceMs: 100 }), b.server.close()]));
  expect(listening()).toBe(0);
  expect(await lease.activeIn(id)).toBeUndefined();
});
