// A thousand messages to one thread at once, on one machine and on two that share a store, a log and a lease.
import {
  assistantMessage,
  isHiddenItem,
  itemAdded,
  itemDone,
  type RunClaim,
  type RunLease,
  type ThreadItem,
  textDelta,
} from '@chatkit/core';
import { createOrderChecker } from '@chatkit/core/order';
import { createMemoryLease, createMemoryLog, createMemoryStore } from '@chatkit/store/memory';
import { createVirtualClock, scriptedResponder } from '@chatkit/testing';
import { describe, expect, test } from 'vitest';
import { createLocalLease } from '../src/local-lease.ts';
import { ada, add, eventsOf, framesOf, optIn, outcomeOf, testServer, textOf, type User } from './support.ts';

const count = 1_000;

/** Answers "m1" with "re:m1". */
const echo = () =>
  scriptedResponder((call) => {
    const id = `re:${textOf(call.input as ThreadItem)}`;
    const message = (text: string) => assistantMessage({ thread_id: call.thread.id, id, text });
    return [itemAdded(message('')), textDelta(id, id), itemDone(message(id))];
  });

/** Notes the runs in the order in which they are accepted: granted at once, or given a place. */
const noting = (lease: RunLease, accepted: Set<string>): RunLease => ({
  ...lease,
  async acquire(claim, waiter) {
    const answer = await lease.acquire(claim, waiter);
    if ('granted' in answer || waiter !== undefined) accepted.add(claim.runId);
    return answer;
  },
  async queue(claim: RunClaim, waiter) {
    accepted.add(claim.runId);
    await lease.queue(claim, waiter);
  },
});

describe.each([1, 2])('1,000 messages at once on %i', (machines) => {
  test.each(['interrupt', 'queue', 'reject'] as const)(
    'under %s no items interleave, the order is that of acceptance, every run settles once',
    async (busy) => {
      const accepted = new Set<string>();
      // Stands still: however long the machine takes, no lease runs out, and nobody is helped by asking once more.
      const clock = createVirtualClock();
      const lease = noting(machines === 1 ? createLocalLease() : createMemoryLease({ clock }), accepted);
      const store = createMemoryStore<User>();
      const shared = { store, log: createMemoryLog(), lease, clock, busy, maxRunsPerUser: count };
      const servers = Array.from({ length: machines }, () => testServer({ ...shared, respond: echo() }));
      const [first] = servers as [(typeof servers)[0]];
      const id = await first.create('m');
      accepted.clear();

      const answers = await Promise.all(
        Array.from({ length: count }, async (_, i) => {
          const runId = `m${i}`;
          const { send } = servers[i % machines] as typeof first;
          const response = await send(add(id, runId), { headers: { ...optIn, 'chatkit-run-id': runId } });
          return { runId, frames: response.status === 200 ? await framesOf(response) : response.status };
        }),
      );

      const answered = answers.filter(({ frames }) => typeof frames !== 'number');
      expect(answers.filter(({ frames }) => typeof frames === 'number' && frames !== 409)).toEqual([]);
      expect(new Set(answered.map(({ runId }) => runId))).toEqual(accepted);
      if (busy === 'reject') expect(accepted.size).toBeGreaterThan(0);
      else expect(accepted.size).toBe(count);
      const outcomes = new Map<string, string | undefined>();
      for (const { runId, frames } of answered) {
        if (typeof frames === 'number') continue;
        expect(frames.filter(({ event }) => event === 'end')).toHaveLength(1);
        outcomes.set(runId, outcomeOf(frames));
        const checker = createOrderChecker();
        for (const event of eventsOf(frames)) expect(checker.check(event)).toBeUndefined();
        expect(checker.end()).toBeUndefined();
      }
      const order = [...accepted];
      const completed = order.filter((runId) => outcomes.get(runId) === 'completed');
      if (busy === 'interrupt') {
        expect(completed.length + [...outcomes.values()].filter((each) => each === 'cancelled').length).toBe(count);
        // Nobody comes behind the last one.
        expect(completed.at(-1)).toBe(order.at(-1));
      } else expect(completed).toEqual(order);

      const { data } = await store.listItems(id, { limit: 10_000, order: 'asc' }, ada);
      const items = data.slice(2).filter((item) => !isHiddenItem(item));
      expect(items.filter(({ type }) => type === 'user_message').map(textOf)).toEqual(order);
      // An answer stands right behind its own message.
      for (const [i, item] of items.entries()) {
        if (item.type === 'assistant_message') expect(textOf(item)).toBe(`re:${textOf(items[i - 1])}`);
      }
      const answersOf = new Set(items.filter(({ type }) => type === 'assistant_message').map(textOf));
      for (const runId of completed) expect(answersOf).toContain(`re:${runId}`);

      for (const { server, errors } of servers) {
        await server.close();
        expect(errors).toEqual([]);
      }
      expect(await lease.activeIn(id)).toBeUndefined();
    },
    // Three seconds on a quiet machine.
    120_000,
  );
});
