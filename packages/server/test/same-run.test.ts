// One run id, POSTed to two servers at once, in every order of what they ask of the store, the log and the lease: the
// application runs once, both clients read the same answer, and the loser touches nothing of the winner's.
import type { RunLease, Store, StreamLog, ThreadItem } from '@chatkit/core';
import { createMemoryLease, createMemoryLog, createMemoryStore } from '@chatkit/store/memory';
import { createVirtualClock, say, scriptedResponder } from '@chatkit/testing';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BusyPolicy } from '../src/index.ts';
import {
  ada,
  add,
  allItems,
  create,
  eventsOf,
  framesOf,
  named,
  outcomeOf,
  settle,
  testServer,
  textOf,
  type User,
} from './support.ts';

const runs = Number(process.env['CHATKIT_RUNS'] ?? 40);

/** Two servers that share everything; the scheduler decides whose call is answered next. */
const pairOf = (s: fc.Scheduler, busy: BusyPolicy) => {
  const clock = createVirtualClock();
  const store = createMemoryStore<User>();
  const log = createMemoryLog();
  const lease = createMemoryLease({ ttlMs: 60_000, clock });
  const later = <Args extends unknown[], R>(name: string, work: (...args: Args) => Promise<R>) =>
    s.scheduleFunction(Object.defineProperty((...args: Args) => work(...args), 'name', { value: name }));
  const slowLease: RunLease = {
    ...lease,
    acquire: later('acquire', lease.acquire),
    queue: later('queue', lease.queue),
    leave: later('leave', lease.leave),
    find: later('find', lease.find),
    release: later('release', lease.release),
  };
  const slowLog: StreamLog = { ...log, create: later('create', log.create), delete: later('delete', log.delete) };
  const slowStore: Store<User> = {
    ...store,
    loadThread: later('loadThread', (...args: Parameters<typeof store.loadThread>) => store.loadThread(...args)),
    async transaction(work, context) {
      // Not the whole call: the scheduler has a rejection of its own for each that it passes on, which nobody handles.
      await s.schedule(Promise.resolve(), 'transaction');
      return store.transaction(work, context);
    },
  };
  /** Answers whatever is still being asked: a run that has ended has its thread until the lease has heard of it. */
  const quiet = async (): Promise<void> => {
    for (let idle = 0; idle < 5; idle += 1) {
      for (; s.count() > 0; idle = 0) await s.waitOne();
      await settle(1);
    }
  };
  const respond = scriptedResponder([say('one two')]);
  const servers = [0, 1].map(() =>
    testServer({ store: slowStore, log: slowLog, lease: slowLease, clock, busy, respond }),
  );
  /** Lets calls be answered, and time go by when there is none, until `work` is done. */
  const passing = async <T>(work: Promise<T>): Promise<T> => {
    const state = { done: false };
    const marked = work.finally(() => {
      state.done = true;
    });
    marked.catch(() => {});
    for (let idle = 0; !state.done; ) {
      if (s.count() > 0) {
        await s.waitOne();
        idle = 0;
      } else {
        await settle(1);
        if (!state.done && s.count() === 0) await clock.advance(10);
        idle += 1;
        if (idle > 2_000) throw new Error('Nothing happens any more.');
      }
    }
    return marked;
  };
  return { servers: servers as [(typeof servers)[0], (typeof servers)[0]], store, log, lease, respond, passing, quiet };
};

describe.each(['interrupt', 'queue', 'reject'] as const)('%s', (busy) => {
  test('a new thread: one run, one thread, the same events on both', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (s) => {
        const { servers, store, respond, passing, lease } = pairOf(s, busy);
        const answers = servers.map(async ({ send }) => {
          const response = await send(create('hi'), { headers: named('r') });
          return { status: response.status, frames: await framesOf(response) };
        });
        const [a, b] = (await passing(Promise.all(answers))) as [
          Awaited<(typeof answers)[0]>,
          Awaited<(typeof answers)[0]>,
        ];
        expect([a.status, b.status]).toEqual([200, 200]);
        expect(eventsOf(b.frames)).toEqual(eventsOf(a.frames));
        expect([outcomeOf(a.frames), outcomeOf(b.frames)]).toEqual(['completed', 'completed']);
        expect(respond.calls).toHaveLength(1);
        const threads = (await store.listThreads({ limit: 10, order: 'asc' }, ada)).data;
        expect(threads).toHaveLength(1);
        expect((await allItems(store, threads[0]?.id as string)).map(textOf)).toEqual(['hi', 'one two']);
        expect(await lease.find('r')).toMatchObject({ outcome: 'completed' });
        // Whoever comes later reads the same.
        for (const { attach } of servers) {
          const frames = await passing(attach('run=r').then(framesOf));
          expect(eventsOf(frames)).toEqual(eventsOf(a.frames));
        }
        for (const { errors } of servers) expect(errors).toEqual([]);
      }),
      { numRuns: runs },
    );
  });

  test('a conversation that two begin, each of them twice: one thread, each message once', {
    timeout: 60_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (s) => {
        const { servers, store, passing, lease } = pairOf(s, busy);
        const ids = [1, 2].map((digit) => `run_${String(digit).repeat(24)}`);
        const asked = ids.flatMap((id) => servers.map(({ send }) => ({ id, send })));
        const answers = asked.map(async ({ id, send }) => {
          const headers = { ...named(id), 'chatkit-conversation': 'c' };
          const response = await send(create(`of ${id}`), { headers });
          return { id, status: response.status, frames: response.status === 200 ? await framesOf(response) : [] };
        });
        const all = await passing(Promise.all(answers));
        const threads = (await store.listThreads({ limit: 10, order: 'asc' }, ada)).data;
        expect(threads).toHaveLength(1);
        const items = await allItems(store, threads[0]?.id as string);
        const said = items.filter(({ type }) => type === 'user_message').map(textOf);
        // What was refused was not stored; what was not refused was, once.
        const taken = ids.filter((id) => all.some((answer) => answer.id === id && answer.status === 200));
        expect(said.sort()).toEqual(taken.map((id) => `of ${id}`));
        if (busy !== 'reject') expect(taken).toEqual(ids);
        for (const id of taken) {
          const [a, b] = all.filter((answer) => answer.id === id && answer.status === 200);
          expect(eventsOf(a?.frames ?? [])[0]).toMatchObject({
            type: 'thread.created',
            thread: { id: threads[0]?.id },
          });
          if (b !== undefined) expect(eventsOf(b.frames)).toEqual(eventsOf(a?.frames ?? []));
          expect((await lease.find(id))?.outcome).toBeDefined();
        }
        for (const { errors } of servers) expect(errors).toEqual([]);
      }),
      { numRuns: runs },
    );
  });

  test('a thread that is there: the message is stored once', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (s) => {
        const { servers, store, respond, passing, quiet } = pairOf(s, busy);
        const id = await passing(servers[0].create('first'));
        await quiet();
        const answers = [...servers, ...servers].map(async ({ send }) => {
          const response = await send(add(id, 'second'), { headers: named('r') });
          return { status: response.status, frames: await framesOf(response) };
        });
        const [first, ...others] = await passing(Promise.all(answers));
        for (const other of others) expect(eventsOf(other.frames)).toEqual(eventsOf(first?.frames ?? []));
        expect(outcomeOf(first?.frames ?? [])).toBe('completed');
        expect(respond.calls).toHaveLength(2);
        const items: ThreadItem[] = await allItems(store, id);
        expect(items.map(textOf)).toEqual(['first', 'one two', 'second', 'one two']);
      }),
      { numRuns: runs },
    );
  });

  test('a request that cannot be served: both are told so, and it leaves nothing', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (s) => {
        const { servers, store, lease, passing } = pairOf(s, busy);
        const id = await passing(servers[0].create('first'));
        const answers = servers.map(({ json }) =>
          json(
            { type: 'threads.retry_after_item', params: { thread_id: id, item_id: 'none' } },
            { headers: named('r') },
          ),
        );
        const statuses = (await passing(Promise.all(answers))).map(({ status }) => status);
        expect(statuses.every((status) => status === 404 || (busy === 'reject' && status === 409))).toBe(true);
        expect(statuses).toContain(404);
        expect(await lease.find('r')).toBeUndefined();
        expect((await allItems(store, id)).map(textOf)).toEqual(['first', 'one two']);
        const again = await passing(
          servers[1].json(add(id, 'second'), { headers: named('other') }).catch(() => undefined),
        );
        expect(again).toBeUndefined();
      }),
      { numRuns: runs },
    );
  });
});
