import { progressUpdate } from '@chatkit/core';
import { createVirtualClock, type NetworkPlan, say, scriptedResponder, wait } from '@chatkit/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testChat, textOf } from './support/chat.ts';
import { never } from './support/faulty-body.ts';
import { framesOf } from './support/schedulers.ts';

/** What becomes of one of the next requests. */
const fault = fc.oneof<fc.Arbitrary<NetworkPlan>[]>(
  fc.record({ cutAfterBytes: fc.nat(1_800) }),
  fc.record({ stallAfterBytes: fc.nat(1_800) }),
  fc.constantFrom({ status: 502 }, { status: 521 }, { status: 404 }, { status: 401 }),
  fc.constant({ loseAnswer: true }),
  fc.constant({ refuse: true }),
  fc.record({ delayMs: fc.nat(40_000) }),
  fc.constant({ respond: () => never<Response>() }),
);

/** What a user, the network or time may do next. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.constant('send' as const) },
  { weight: 2, arbitrary: fc.constantFrom('stop' as const, 'reload' as const) },
  { weight: 1, arbitrary: fc.constantFrom('retry' as const, 'detach' as const, 'list' as const, 'refresh' as const) },
  { weight: 4, arbitrary: fc.nat(60) },
  { weight: 1, arbitrary: fc.nat(40_000) },
  { weight: 3, arbitrary: fault },
);

describe('whatever a user does, with whatever network', () => {
  it('the screen comes to rest, and shows what is stored', { timeout: 120_000 }, async () => {
    const law = fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
      const clock = createVirtualClock({ startMs: 1_000_000 });
      const words = ['one ', 'two ', 'three ', 'four '];
      const respond = scriptedResponder(
        (_, index) => [progressUpdate(`turn ${index}`), wait(15), say(...words), wait((index % 3) * 20), say(...words)],
        { clock },
      );
      const { client: make, network, direct, errors } = testChat({ respond, retryMs: 500, clock });
      const more = { clock, random: () => 0, connection: { floorMs: 1 } };
      let isMended = false;
      const fetch: typeof globalThis.fetch = (input, init) => (isMended ? direct : network.fetch)(input, init);
      const client = make({ ...more, scheduler: framesOf(clock), fetch });
      const runs: Promise<string>[] = [];
      const requests: Promise<unknown>[] = [];
      const ask = (request: Promise<unknown>) => requests.push(request.catch(() => {}));
      const threadId = () => client.getSnapshot().thread?.id;
      for (const what of steps) {
        if (typeof what === 'number') await clock.advance(what);
        else if (typeof what === 'object') network.plan(what);
        else if (what === 'send') runs.push(client.send(`message ${runs.length}`).done);
        else if (what === 'stop') ask(client.stop());
        else if (what === 'detach') client.detach();
        else if (what === 'list') ask(client.listThreads());
        else if (what === 'refresh') ask(client.refresh());
        else if (what === 'reload') {
          // A message that is sent and its thread loaded in one breath may well cross on the way.
          await clock.advance(5);
          const id = threadId();
          if (id !== undefined) ask(client.loadThread(id));
        } else {
          const { items, pendingItemIds } = client.getSnapshot();
          if (items.length > pendingItemIds.size) runs.push(client.retry().done);
        }
      }
      // More than a stop is told for, and more than a connection is tried for.
      const settled = Promise.all([...runs, ...requests]);
      await clock.advance(11 * 60_000);
      await settled;
      for (const outcome of await Promise.all(runs))
        expect(['completed', 'cancelled', 'failed', 'interrupted']).toContain(outcome);
      // What a page does that is looked at again. Until then it may not have heard of what it asked for last.
      isMended = true;
      await client.refresh();
      const { items, failedItemIds, pendingItemIds, streamingItemIds, connection, status } = client.getSnapshot();
      expect({ pending: pendingItemIds.size, streaming: streamingItemIds.size, connection, status }).toEqual({
        pending: 0,
        streaming: 0,
        connection: 'none',
        status: 'idle',
      });
      expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
      expect(errors).toEqual([]);
      const id = threadId();
      if (id === undefined || steps.includes('detach')) return;
      const fresh = make({ ...more, fetch: direct });
      await fresh.loadThread(id);
      const stored = fresh.getSnapshot().items;
      expect(items.filter(({ id }) => !failedItemIds.has(id))).toEqual(stored);
      // No two of the user's messages say the same, so none that counts as not sent may be there as well.
      const texts = new Set(stored.map(textOf));
      expect(items.filter((item) => failedItemIds.has(item.id) && texts.has(textOf(item)))).toEqual([]);
    });
    await fc.assert(law, { numRuns: Number(process.env['CHATKIT_RUNS'] ?? 150) });
  });
});
