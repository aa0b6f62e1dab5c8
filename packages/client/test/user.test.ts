import { progressUpdate } from '@chatkit/core';
import { say, scriptedResponder, wait } from '@chatkit/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { settle, testChat, until } from './support/chat.ts';

/** What a user, or the network, may do next. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('send', 'wait') },
  { weight: 2, arbitrary: fc.constantFrom('stop', 'cut', 'reload') },
  { weight: 1, arbitrary: fc.constantFrom('gateway', 'lose', 'retry', 'detach') },
);

describe('whatever a user does, with whatever network', () => {
  it('the screen comes to rest, and shows what is stored', { timeout: 60_000 }, async () => {
    const law = fc.asyncProperty(
      fc.array(step, { maxLength: 14 }),
      fc.infiniteStream(fc.nat(1_800)),
      async (steps, cuts) => {
        const words = ['one ', 'two ', 'three ', 'four '];
        const respond = scriptedResponder((_, index) => [
          progressUpdate(`turn ${index}`),
          wait(1),
          say(...words),
          wait(index % 3),
          say(...words),
        ]);
        const { client: make, network, errors } = testChat({ respond, retryMs: 500 });
        const more = { random: () => 0, connection: { floorMs: 1 } };
        const client = make(more);
        const runs: Promise<string>[] = [];
        const threadId = () => client.getSnapshot().thread?.id;
        for (const what of steps) {
          if (what === 'send') runs.push(client.send(`message ${runs.length}`).done);
          if (what === 'wait') await settle(20);
          if (what === 'stop') void client.stop();
          if (what === 'cut') network.plan({ cutAfterBytes: cuts.next().value });
          if (what === 'gateway') network.plan({ status: 502 });
          if (what === 'lose') network.plan({ loseAnswer: true });
          if (what === 'detach') client.detach();
          // A message that is sent and its thread loaded in one breath may well cross on the way.
          if (what === 'reload') await settle(5);
          const id = threadId();
          if (what === 'reload' && id !== undefined) await client.loadThread(id).catch(() => {});
          const { items, pendingItemIds } = client.getSnapshot();
          if (what === 'retry' && items.length > pendingItemIds.size) runs.push(client.retry().done);
        }
        const outcomes = await Promise.all(runs);
        await until(client, () => client.getSnapshot().status === 'idle');
        for (const outcome of outcomes) expect(['completed', 'cancelled', 'failed', 'interrupted']).toContain(outcome);
        const { items, failedItemIds, pendingItemIds, streamingItemIds, connection } = client.getSnapshot();
        expect({ pending: pendingItemIds.size, streaming: streamingItemIds.size, connection }).toEqual({
          pending: 0,
          streaming: 0,
          connection: 'none',
        });
        expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
        expect(errors).toEqual([]);
        const id = threadId();
        if (id === undefined || steps.includes('detach')) return;
        network.plan();
        // The rest of the plan is for requests that were never made.
        const fresh = make({ ...more, fetch: (input, init) => directly(network.fetch, input, init) });
        await fresh.loadThread(id);
        await until(fresh, () => fresh.getSnapshot().status === 'idle');
        expect(items.filter(({ id }) => !failedItemIds.has(id))).toEqual(fresh.getSnapshot().items);
      },
    );
    await fc.assert(law, { numRuns: Number(process.env['CHATKIT_RUNS'] ?? 150), timeout: 5_000 });
  });
});

/** Asks until the network has no more faults planned for it. */
const directly = async (
  fetch: typeof globalThis.fetch,
  input: string | URL | Request,
  init: RequestInit | undefined,
): Promise<Response> => {
  for (;;) {
    try {
      const response = await fetch(input, init);
      if (response.status === 502) continue;
      const text = response.headers.get('content-type')?.includes('json') ? await response.text() : undefined;
      return text === undefined ? response : new Response(text, { headers: response.headers, status: response.status });
    } catch {
      // The next one.
    }
  }
};
