// A long thread, of which older pages are loaded while it grows, is shortened by an answer made anew, and is loaded again, here and in
// another tab, with answers that come late.
import { assistantMessage, itemDone } from '@chatkit/core';
import { createScriptedNetwork, createVirtualClock } from '@chatkit/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createChatClient } from '../src/index.ts';
import { testChat, textOf } from './support/chat.ts';
import { atOnce } from './support/schedulers.ts';

const step = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom({ does: 'older' as const }, { does: 'refresh' as const }) },
  { weight: 2, arbitrary: fc.constantFrom({ does: 'send' as const }, { does: 'send there' as const }) },
  { weight: 1, arbitrary: fc.constantFrom({ does: 'load' as const }, { does: 'retry' as const }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('anew there' as const), at: fc.nat(30) }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('delay' as const), ms: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.constant({ does: 'fail' as const }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constant('pass' as const), ms: fc.nat(60) }) },
);

describe('a long thread', () => {
  it('shows each item once and in order, and all of them in the end', { timeout: 60_000 }, async () => {
    const law = fc.asyncProperty(
      fc.integer({ min: 1, max: 30 }),
      fc.array(step, { maxLength: 14 }),
      async (count, steps) => {
        const clock = createVirtualClock({ startMs: 1_000_000 });
        let time = 1_000_000;
        const { server, store, direct } = testChat({
          clock,
          now: () => time++,
          respond: async function* ({ id: thread_id }) {
            const created_at = new Date(time++).toISOString();
            yield itemDone(assistantMessage({ thread_id, created_at, text: 'ok' }));
          },
        });
        const ada = { userId: 'ada' };
        const network = createScriptedNetwork({ handler: (request) => server.handle(request, ada), clock });
        const options = {
          url: 'http://chat.test/chatkit',
          extensions: true,
          clock,
          scheduler: atOnce,
          random: () => 0.3,
        };
        const client = createChatClient({ ...options, fetch: (input, init) => network.fetch(input, init) });
        const elsewhere = createChatClient({ ...options, fetch: direct });
        for (let index = 0; index < count; index += 1) await elsewhere.send(`m${index}`).done;
        const id = elsewhere.getSnapshot().thread?.id ?? '';
        const stored = async () => (await store.listItems(id, { limit: 200, order: 'asc' }, ada)).data;
        await client.loadThread(id);
        const unsubscribe = client.subscribe(() => {
          const ids = client.getSnapshot().items.map((item) => item.id);
          expect(new Set(ids).size).toBe(ids.length);
        });
        const work: Promise<unknown>[] = [];
        const quietly = (promise: Promise<unknown>) => void work.push(promise.catch(() => {}));
        let said = 0;
        for (const what of steps) {
          if (what.does === 'older') quietly(client.loadOlder());
          else if (what.does === 'refresh') quietly(client.refresh());
          else if (what.does === 'load') quietly(client.loadThread(id));
          else if (what.does === 'send') quietly(client.send(`here ${said++}`).done);
          else if (what.does === 'retry') {
            const { items, failedItemIds, error } = client.getSnapshot();
            if (items.length > 0 && (failedItemIds.size > 0 || error?.retryable)) quietly(client.retry().done);
          } else if (what.does === 'send there') {
            await elsewhere.loadThread(id);
            await elsewhere.send(`there ${said++}`).done;
          } else if (what.does === 'anew there') {
            const messages = (await stored()).filter(({ type }) => type === 'user_message');
            const item_id = messages[what.at % messages.length]?.id ?? '';
            const body = JSON.stringify({ type: 'threads.retry_after_item', params: { thread_id: id, item_id } });
            const headers = { 'content-type': 'application/json' };
            await (await direct('http://chat.test/chatkit', { method: 'POST', headers, body })).text();
          } else if (what.does === 'delay') network.plan({ delayMs: what.ms });
          else if (what.does === 'fail') network.plan({ refuse: true });
          else await clock.advance(what.ms);
        }
        await clock.advance(11 * 60_000);
        await Promise.all(work);
        // What is left of the plan.
        for (let left = steps.length; left > 0; left -= 1) {
          quietly(client.listThreads());
          await clock.advance(100);
        }
        await Promise.all(work);
        if (client.getSnapshot().thread?.id === id) await client.refresh();
        else await client.loadThread(id);
        for (let page = 0; client.getSnapshot().hasOlder && page < 20; page += 1) await client.loadOlder();
        const all = (await stored()).filter(({ type }) => type !== 'sdk_hidden_context');
        const { items, failedItemIds } = client.getSnapshot();
        const shown = items.filter((item) => !failedItemIds.has(item.id));
        expect(shown.map(textOf), JSON.stringify(all.map(textOf))).toEqual(all.map(textOf));
        expect(shown).toEqual(all);
        unsubscribe();
      },
    );
    await fc.assert(law, { numRuns: Number(process.env['CHATKIT_RUNS'] ?? 60) });
  });
});
