// A run that waits for its thread, in a line that a real Redis, a real PostgreSQL or a file keeps, and somebody who has neither: whatever a stranger asks of it, on
// whichever machine, is answered exactly as for a run that never was.
import { createMemoryStore } from '@chatkit/store/memory';
import { hang, say, scriptedResponder } from '@chatkit/testing';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import {
  ada,
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
  testServer,
  textOf,
  type User,
} from '../../packages/server/test/support.ts';
import { places, stopPlaces } from './places.ts';
import { patienceMs, until, within } from './requests.ts';

afterAll(stopPlaces);

describe.each(Object.entries(places))('over %s', { timeout: 2 * patienceMs }, (_, makePlace) => {
  const closers: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  const startMachines = async () => {
    const { open, remove } = await makePlace(60_000);
    closers.push(remove);
    const store = createMemoryStore<User>();
    const respond = scriptedResponder((__, index) => (index === 0 ? [say('holder'), hang()] : [say('answer')]));
    const machine = async () => {
      const { log, lease, close } = await open();
      const made = testServer({ store, log, lease, respond, busy: 'queue' });
      closers.push(async () => {
        await made.server.close({ graceMs: 0 });
        await Promise.all([log.close(), lease.close()]);
        await close?.();
      });
      return { ...made, lease };
    };
    return { a: await machine(), b: await machine(), c: await machine(), respond };
  };
  const whole = async (work: Promise<Response>) => {
    const response = await within('an answer to a stranger', work, patienceMs);
    return { status: response.status, headers: [...response.headers], body: await response.text() };
  };

  test('a stranger learns nothing of a run that waits, has begun, or has ended', async () => {
    const { a, b, c, respond } = await startMachines();
    await c.send(create('first'), { headers: named('holder') });
    const [{ id }] = (await a.json({ type: 'threads.list', params: {} })).data as [{ id: string }];
    const answer = a.send(add(id, 'second'), { headers: named('waiter') });
    expect((await within('a place in the line', answer, patienceMs)).status).toBe(200);
    expect(await b.lease.find('waiter')).toMatchObject({ threadId: id, epoch: 0, userId: 'ada' });

    const attempts = [a, b, c].flatMap((machine) => [
      (run: string) => machine.attach(`run=${run}`, { context: eve }),
      (run: string) => machine.attach(`run=${run}`, { context: eve, headers: optIn }),
      (run: string) => machine.attach(`run=${run}&after=1-2`, { context: eve, headers: optIn }),
      (run: string) => machine.attach(`run=${run}`, { context: eve, headers: { 'last-event-id': '1-0' } }),
      (run: string) => machine.send(cancel(run), { context: eve, headers: optIn }),
      (run: string) => machine.send(cancel(run), { context: eve }),
      (run: string) => machine.send(add(id, 'second'), { context: eve, headers: named(run) }),
    ]);
    const askAll = async () => {
      for (const attempt of attempts) {
        const foreign = await whole(attempt('waiter'));
        expect(foreign).toEqual(await whole(attempt('nobody')));
        expect(foreign.status).toBe(404);
      }
    };
    await askAll();
    // Nothing that was asked has stopped it, begun it, or taken its place.
    expect(await b.lease.find('waiter')).toMatchObject({ threadId: id, epoch: 0, userId: 'ada' });
    expect(respond.calls).toHaveLength(1);

    // Her own thread under his run's id: she starts nothing there, and reads nothing of his.
    const taken = b.send(create('mine'), { context: eve, headers: named('waiter') });
    await b.json(cancel('holder'), { context: ada });
    const refused = await whole(taken);
    expect(refused.status).toBe(409);
    expect(refused.body).not.toContain('second');
    const frames = await within('his answer', answer.then(framesOf), patienceMs);
    expect(outcomeOf(frames)).toBe('completed');
    expect(outline(eventsOf(frames))).toContain('thread.item.done assistant_message');

    await until('its end on every machine', () => respond.calls.every(({ outcome }) => outcome !== 'running'));
    await askAll();
    expect(respond.calls).toHaveLength(2);
    expect((await a.items(id)).map(textOf).filter((text) => text === 'second')).toHaveLength(1);
    expect([a, b, c].flatMap(({ errors }) => errors)).toEqual([]);
  });

  test('a run that waits is stopped by its user alone', async () => {
    const { a, b, c } = await startMachines();
    await c.send(create('first'), { headers: named('holder') });
    const [{ id }] = (await a.json({ type: 'threads.list', params: {} })).data as [{ id: string }];
    const answer = await within('a place', a.send(add(id, 'second'), { headers: named('waiter') }), patienceMs);
    expect((await b.json(cancel('waiter'), { context: eve })).status).toBe(404);
    expect(await c.lease.find('waiter')).toMatchObject({ epoch: 0 });
    expect(await c.lease.find('waiter')).not.toHaveProperty('outcome');
    expect(await within('his stop', b.json(cancel('waiter')), patienceMs)).toEqual({ status: 200 });
    expect(outcomeOf(await within('the end', framesOf(answer), patienceMs))).toBe('cancelled');
    // Also when it is over: what was stopped is told to him, and to nobody else.
    const late = await whole(b.attach('run=waiter', { context: eve, headers: optIn }));
    expect(late).toEqual(await whole(b.attach('run=nobody', { context: eve, headers: optIn })));
    expect(outcomeOf(await framesOf(await b.attach('run=waiter', { headers: optIn })))).toBe('cancelled');
    await b.json(cancel('holder'));
  });
});
