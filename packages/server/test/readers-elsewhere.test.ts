// A run that is to end with its last reader, and readers of it on three machines, in any order of what they ask of the lease: who
// stays has the whole answer, and when nobody stays the run is stopped.
import { assistantMessage, itemAdded, itemDone, type RunLease, textDelta } from '@chatkit/core';
import { createMemoryLease, createMemoryLog, createMemoryStore } from '@chatkit/store/memory';
import { createVirtualClock } from '@chatkit/testing';
import { decodeSse } from '@chatkit/transport';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ada, allItems, create, halfway, settle, testServer, textOf, type User } from './support.ts';

const runs = Number(process.env['CHATKIT_RUNS'] ?? 60);
const again = { 'chatkit-run-id': `run_${'1'.repeat(24)}`, 'chatkit-repeat': '1' };

/** Lets what is ready run. */
const ready = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const machinesOf = (s: fc.Scheduler | undefined) => {
  const clock = createVirtualClock();
  const store = createMemoryStore<User>();
  const log = createMemoryLog();
  const lease = createMemoryLease({ ttlMs: 1_000, clock });
  const later = <Args extends unknown[], R>(name: string, work: (...args: Args) => Promise<R>) =>
    s?.scheduleFunction(Object.defineProperty((...args: Args) => work(...args), 'name', { value: name })) ?? work;
  const slow: RunLease = {
    ...lease,
    acquire: later('acquire', lease.acquire),
    queue: later('queue', lease.queue),
    leave: later('leave', lease.leave),
    find: later('find', lease.find),
    activeIn: later('activeIn', lease.activeIn),
    release: later('release', lease.release),
  };
  let answers = 0;
  let stops = 0;
  let goOn = () => {};
  const isOver = new Promise<void>((resolve) => (goOn = resolve));
  const machine = () =>
    testServer({
      ...{ store, log, clock, lease: slow },
      async *respond(thread, _input, _user, { signal }) {
        answers += 1;
        const item = assistantMessage({ thread_id: thread.id });
        let isWhole = false;
        try {
          yield itemAdded(item);
          yield textDelta(item.id, 'half');
          const isStopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
          await Promise.race([isOver, isStopped]);
          if (signal.aborted) return;
          yield itemDone(assistantMessage({ id: item.id, thread_id: thread.id, text: 'half whole' }));
          isWhole = true;
        } finally {
          if (!isWhole) stops += 1;
        }
      },
    });
  const machines = [machine(), machine(), machine()];
  const passing = async <T>(work: Promise<T>): Promise<T> => {
    const state = { done: false };
    const marked = work.finally(() => (state.done = true));
    marked.catch(() => {});
    for (let idle = 0; !state.done; idle += 1) {
      if (s !== undefined && s.count() > 0) await s.waitOne();
      else {
        await ready();
        if (!state.done && !s?.count()) await clock.advance(25);
      }
      if (idle > 20_000) throw new Error('Nothing happens any more.');
    }
    return marked;
  };
  const pass = (ms: number) => {
    const until = clock.now() + ms;
    return passing(
      (async () => {
        while (clock.now() < until) await ready();
      })(),
    );
  };
  const read = (index: number) => {
    const leaving = new AbortController();
    let told = '';
    const reading = (async () => {
      const server = machines[index % machines.length] as (typeof machines)[number];
      const response = await server.send(create('Hi'), { headers: again, signal: leaving.signal });
      if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
      for await (const { data } of decodeSse(response.body as ReadableStream<Uint8Array>)) told += data;
    })();
    reading.catch(() => {});
    return { told: () => told, leave: () => leaving.abort(), reading };
  };
  return {
    ...{ machines, store, clock, passing, pass, read, lease },
    goOn: () => goOn(),
    counts: () => ({ answers, stops }),
    texts: async () => {
      const [thread] = (await store.listThreads({ limit: 10, order: 'asc' }, ada)).data;
      return thread === undefined ? [] : (await allItems(store, thread.id)).map(textOf).filter(Boolean);
    },
    close: () => passing(Promise.all(machines.map(({ server }) => server.close({ graceMs: 0 })))),
  };
};

const steps = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant('read' as const), machine: fc.nat(2) }),
    fc.record({ type: fc.constant('leave' as const), reader: fc.nat(9) }),
    fc.record({ type: fc.constant('pass' as const), ms: fc.constantFrom(20, 400, 1_500) }),
  ),
  { minLength: 2, maxLength: 10 },
);

test('who stays has the whole answer', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), steps, fc.nat(2), async (s, list, last) => {
      const { machines, read, pass, passing, goOn, counts, texts, close } = machinesOf(s);
      const readers: (ReturnType<typeof read> & { hasLeft?: boolean })[] = [];
      for (const step of list) {
        if (step.type === 'read') readers.push(read(step.machine));
        else if (step.type === 'pass') await pass(step.ms);
        else {
          const reader = readers[step.reader % (readers.length || 1)];
          if (reader === undefined) continue;
          reader.hasLeft = true;
          reader.leave();
        }
      }
      readers.push(read(last));
      await pass(3_000);
      goOn();
      const stayed = readers.filter(({ hasLeft }) => hasLeft !== true);
      await passing(Promise.all(stayed.map(({ reading }) => reading)));
      for (const { told } of stayed) expect(told()).toContain('half whole');
      expect(await texts()).toEqual(['Hi', 'half whole']);
      const { answers, stops } = counts();
      expect(answers).toBe(stops + 1);
      for (const { errors } of machines) expect(errors).toEqual([]);
      await close();
    }),
    { numRuns: runs },
  );
});

test('when nobody stays the run is stopped, and what it wrote is kept', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), steps, async (s, list) => {
      const { machines, read, pass, counts, close } = machinesOf(s);
      const readers = [read(0)];
      for (const step of list) {
        if (step.type === 'read') readers.push(read(step.machine));
        else if (step.type === 'pass') await pass(step.ms);
        else readers[step.reader % readers.length]?.leave();
      }
      for (const { leave } of readers) leave();
      await pass(6_000);
      const { answers, stops } = counts();
      expect(answers).toBe(stops);
      for (const { errors } of machines) expect(errors).toEqual([]);
      await close();
    }),
    { numRuns: runs },
  );
});

test('a repeat that comes after the run ended with its reader is answered anew, however often', async () => {
  const { read, pass, passing, goOn, counts, texts, close } = machinesOf(undefined);
  for (let index = 0; index < 8; index += 1) {
    const reader = read(index);
    await pass(200);
    reader.leave();
    await pass(200);
  }
  const last = read(1);
  await pass(200);
  goOn();
  await passing(last.reading);
  expect(last.told()).toContain('half whole');
  expect(counts()).toEqual({ answers: 9, stops: 8 });
  expect(await texts()).toEqual(['Hi', 'half whole']);
  await close();
});

test.each([
  ['that has not opted in is counted, too', {}, 0],
  ['that has opted in can come back, and is not', { 'chatkit-client': '1' }, 1],
])('a reader by GET %s', async (_who, headers, stops) => {
  const { machines, read, pass, passing, counts, close } = machinesOf(undefined);
  const first = read(0);
  await pass(200);
  const leaving = new AbortController();
  const asked = { headers, signal: leaving.signal };
  const attached = await passing(
    (machines[1] as (typeof machines)[number]).attach(`run=${again['chatkit-run-id']}`, asked),
  );
  expect(attached.status).toBe(200);
  first.leave();
  await pass(3_000);
  expect(counts()).toEqual({ answers: 1, stops });
  leaving.abort();
  await pass(1_000);
  expect(counts()).toEqual({ answers: 1, stops: 1 });
  await close();
});

test('a run that nobody reads here is stopped where the lease fails to say whether anybody reads it elsewhere', async () => {
  const clock = createVirtualClock();
  const lease = createMemoryLease({ clock });
  const { acquire } = lease;
  const respond = halfway();
  const t = testServer({ clock, lease, log: createMemoryLog(), respond });
  const leaving = new AbortController();
  await t.send(create(), { headers: { 'chatkit-run-id': 'r' }, signal: leaving.signal });
  await settle();
  lease.acquire = () => Promise.reject(new Error('no connection'));
  leaving.abort();
  await clock.advance(60_000);
  expect(respond.calls[0]?.signal?.reason).toMatchObject({ details: { cause: 'disconnect' } });
  expect(t.errors).toEqual([new Error('no connection')]);
  lease.acquire = acquire;
});
