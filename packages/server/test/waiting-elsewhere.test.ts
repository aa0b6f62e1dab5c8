// A run that waits for its thread on one machine, as another one sees it: found, followed, sent again, stopped, refused.
import type { RunLease } from '@chatkit/core';
import { createMemoryLease, createMemoryLog, createMemoryStore } from '@chatkit/store/memory';
import { createVirtualClock, hang, say, scriptedResponder } from '@chatkit/testing';
import { expect, test } from 'vitest';
import type { BusyPolicy } from '../src/index.ts';
import {
  add,
  cancel,
  create,
  eve,
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

/** On C `holder` has a thread, and `waiter` waits for it on A. */
const waitingOnA = async (busy: BusyPolicy = 'queue', { broken = {} as Partial<RunLease>, isLong = false } = {}) => {
  const clock = createVirtualClock();
  const store = createMemoryStore<User>();
  const log = createMemoryLog();
  const lease: RunLease = { ...createMemoryLease({ ttlMs: 1_000, clock }), ...broken };
  const respond = scriptedResponder((_, index) =>
    index === 0
      ? [say('holder'), hang({ deaf: busy === 'interrupt' })]
      : [say(`answer ${index}`), ...(isLong ? [hang()] : [])],
  );
  const common = { store, log, lease, clock, busy, cancelGraceMs: 60_000, respond };
  const [a, b, c] = [testServer(common), testServer(common), testServer(common)];
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
  await c.send(create('first'), { headers: named('holder') });
  await settle();
  const [{ id }] = (await a.json({ type: 'threads.list', params: {} })).data as [{ id: string }];
  const answer = a.send(add(id, 'second'), { headers: named('waiter') });
  answer.catch(() => {});
  await passing(
    (async () => {
      while ((await lease.find('waiter')) === undefined) await settle();
    })(),
  );
  return { a, b, c, id, answer, lease, clock, respond, passing, errors: () => [a, b, c].flatMap((s) => s.errors) };
};

test('a reader on B gets the answer when its turn has come, from the start and by one reader more', async () => {
  const { a, b, c, id, answer, respond, passing, errors } = await waitingOnA();
  expect((await answer).status).toBe(200);
  const readings = [b, c, b].map(async (server) => {
    const response = await server.attach('run=waiter', { headers: optIn });
    return { status: response.status, frames: await framesOf(response) };
  });
  await passing(settle(20));
  expect(respond.calls).toHaveLength(1);
  await passing(b.json(cancel('holder')));
  const local = await passing(framesOf(await answer));
  expect(outcomeOf(local)).toBe('completed');
  for (const { status, frames } of await passing(Promise.all(readings))) {
    expect(status).toBe(200);
    expect(eventsOf(frames)).toEqual(eventsOf(local));
    expect(outcomeOf(frames)).toBe('completed');
  }
  expect((await a.items(id)).map(textOf).filter((text) => text === 'second')).toHaveLength(1);
  expect(errors()).toEqual([]);
});

test('a POST that is sent again to B waits for the one that stands in line and reads its answer', async () => {
  const { b, id, a, answer, respond, passing, errors } = await waitingOnA();
  const again = b.send(add(id, 'second'), { headers: named('waiter') });
  await passing(settle(20));
  await passing(b.json(cancel('holder')));
  const [local, remote] = await passing(Promise.all([answer, again].map(async (each) => framesOf(await each))));
  expect(outline(eventsOf(local ?? []))).toContain('thread.item.done assistant_message');
  expect(eventsOf(remote ?? [])).toEqual(eventsOf(local ?? []));
  expect(respond.calls).toHaveLength(2);
  expect((await a.items(id)).map(textOf).filter((text) => text !== '')).toEqual([
    'first',
    'holder',
    'second',
    'answer 1',
  ]);
  expect(errors()).toEqual([]);
});

const deaf: Partial<RunLease> = { onStop: () => () => {} };

test.each([
  ['', {}],
  [', also one that was granted before it heard of it', deaf],
])('a stop on B ends it before it has begun%s', async (kind, broken) => {
  const { a, b, c, id, answer, lease, respond, passing, errors } = await waitingOnA('queue', {
    broken,
    isLong: kind !== '',
  });
  const reading = b.attach('run=waiter', { headers: optIn }).then(framesOf);
  await passing(settle(20));
  const stopped = b.json(cancel('waiter'));
  if (kind !== '') {
    await passing(settle(20));
    await passing(c.json(cancel('holder')));
  }
  expect(await passing(stopped)).toEqual({ status: 200 });
  const local = await passing(framesOf(await answer));
  const remote = await passing(reading);
  expect([outcomeOf(local), outcomeOf(remote)]).toEqual(['cancelled', 'cancelled']);
  for (const frames of [local, remote]) expect(frames.filter(({ event }) => event === 'end')).toHaveLength(1);
  expect(await lease.find('waiter')).toMatchObject({ outcome: 'cancelled' });
  if (kind !== '') return;
  expect(await passing(b.json(cancel('waiter')))).toEqual({ status: 200 });
  // Sent again, to any machine, it does not begin after all; who comes later is told the same.
  for (const server of [a, b, c]) {
    const again = await passing(server.json(add(id, 'second'), { headers: named('waiter') }));
    expect(again).toMatchObject({ status: 409, error: { code: 'run.cancelled' } });
    const late = await passing(server.attach('run=waiter', { headers: optIn }).then(framesOf));
    expect([eventsOf(late), outcomeOf(late)]).toEqual([[], 'cancelled']);
  }
  expect((await passing(b.attach('run=waiter&after=1-1', { headers: optIn }))).status).toBe(204);
  expect(respond.calls.map(({ outcome }) => outcome)).toEqual(['running']);
  await passing(b.json(cancel('holder')));
  expect((await a.items(id)).map(textOf)).not.toContain('second');
  const next = await passing(b.send(add(id, 'third'), { headers: named('next') }).then(framesOf));
  expect(outcomeOf(next)).toBe('completed');
  expect(errors()).toEqual([]);
});

test('a stop on B ends one that waits until the answer before it has settled', async () => {
  const { a, b, id, answer, lease, passing, errors } = await waitingOnA('interrupt');
  const reading = b.attach('run=waiter', { headers: optIn }).then(framesOf);
  await passing(settle(20));
  expect(await passing(b.json(cancel('waiter')))).toEqual({ status: 200 });
  expect((await passing(answer)).status).toBe(409);
  expect(outcomeOf(await passing(reading))).toBe('cancelled');
  expect(await lease.find('waiter')).toMatchObject({ epoch: 0, outcome: 'cancelled' });
  expect((await a.items(id)).map(textOf)).not.toContain('second');
  expect(errors()).toEqual([]);
});

test('a machine that dies with it: readers elsewhere are told an end, and it may be sent again', async () => {
  // Nobody hears of A from the moment on when it says nothing any more.
  const state = { isDead: false };
  const unlessDead = <T>(work: () => Promise<T>): Promise<T> => (state.isDead ? new Promise<T>(() => {}) : work());
  const clock = createVirtualClock();
  const store = createMemoryStore<User>();
  const log = createMemoryLog();
  const lease = createMemoryLease({ ttlMs: 1_000, clock });
  const respond = scriptedResponder((_, index) => (index === 0 ? [say('holder'), hang()] : [say(`answer ${index}`)]));
  const common = { store, log, clock, busy: 'queue' as const, respond };
  const a = testServer({
    ...common,
    lease: { ...lease, acquire: (claim, waiter) => unlessDead(() => lease.acquire(claim, waiter)) },
  });
  const b = testServer({ ...common, lease });
  await b.send(create('first'), { headers: named('holder') });
  await settle();
  const [{ id }] = (await b.json({ type: 'threads.list', params: {} })).data as [{ id: string }];
  await a.send(add(id, 'second'), { headers: named('waiter') });
  await clock.advance(300);
  let isOver = false;
  const reading = b.attach('run=waiter', { headers: optIn }).then(framesOf);
  void reading.finally(() => {
    isOver = true;
  });
  await clock.advance(300);
  state.isDead = true;
  await clock.advance(600);
  expect(isOver).toBe(false);
  await clock.advance(1_000);
  expect(outcomeOf(await reading)).toBe('interrupted');
  expect((await b.attach('run=waiter', { headers: optIn })).status).toBe(404);
  const again = b.send(add(id, 'second'), { headers: named('waiter') }).then(framesOf);
  await clock.advance(100);
  await b.json(cancel('holder'));
  await clock.advance(1_000);
  expect(outcomeOf(await again)).toBe('completed');
});

test('for a stranger, there and on B, it is as if it had never been', async () => {
  const { a, b, id, passing, respond, lease, answer } = await waitingOnA();
  const whole = async (work: Promise<Response>) => {
    const response = await passing(work);
    return { status: response.status, headers: [...response.headers], body: await response.text() };
  };
  const attempts = [a, b].flatMap((server) => [
    (run: string) => server.attach(`run=${run}`, { context: eve }),
    (run: string) => server.attach(`run=${run}&after=1-2`, { context: eve, headers: optIn }),
    (run: string) => server.attach(`run=${run}`, { context: eve, headers: { 'last-event-id': '1-0' } }),
    (run: string) => server.send(cancel(run), { context: eve, headers: optIn }),
    (run: string) => server.send(add(id, 'second'), { context: eve, headers: named(run) }),
  ]);
  for (const attempt of attempts) {
    const foreign = await whole(attempt('waiter'));
    expect(foreign).toEqual(await whole(attempt('nobody')));
    expect(foreign.status).toBe(404);
  }
  // Her own thread under his run's id: she starts nothing and reads nothing, and is told so at once, before it begins and after.
  const taken = (server: typeof a) => server.send(create('mine'), { context: eve, headers: named('waiter') });
  const refused = [await whole(taken(a)), await whole(taken(b))];
  expect(await lease.find('waiter')).toMatchObject({ threadId: id, epoch: 0 });
  await passing(b.json(cancel('holder')));
  refused.push(await whole(taken(a)), await whole(taken(b)));
  expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([409]));
  expect(new Set(refused.map(({ body }) => body)).size).toBe(1);
  expect(refused[0]?.body).not.toContain('second');
  expect(outcomeOf(await passing(framesOf(await answer)))).toBe('completed');
  expect(respond.calls).toHaveLength(2);
});
