// The list of threads beside what others do to them: pages are loaded while threads come and go, here and in another tab, and answers
// come late and out of order.
import { createScriptedNetwork, createVirtualClock, say, scriptedResponder } from '@chatkit/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createChatClient, createThreadList } from '../src/index.ts';
import { testChat } from './support/chat.ts';
import { atOnce } from './support/schedulers.ts';

const at = fc.nat(20);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom({ does: 'refresh' as const }, { does: 'more' as const }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constantFrom('remove', 'rename', 'remove there', 'open'), at }) },
  { weight: 2, arbitrary: fc.constantFrom({ does: 'create there' as const }, { does: 'send' as const }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('delay' as const), ms: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.constant({ does: 'fail' as const }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constant('pass' as const), ms: fc.nat(60) }) },
);

describe('a list of threads', () => {
  it('has each thread once, none that was removed, and all of them in the end', { timeout: 60_000 }, async () => {
    const law = fc.asyncProperty(
      fc.integer({ min: 0, max: 9 }),
      fc.array(step, { maxLength: 20 }),
      async (count, steps) => {
        const clock = createVirtualClock({ startMs: 1_000_000 });
        let time = 1_000_000;
        const { server, store, direct } = testChat({
          clock,
          now: () => time++,
          respond: scriptedResponder([say('ok')]),
        });
        const ada = { userId: 'ada' };
        const network = createScriptedNetwork({ handler: (request) => server.handle(request, ada), clock });
        const options = {
          url: 'http://chat.test/chatkit',
          extensions: true,
          clock,
          scheduler: atOnce,
        };
        const client = createChatClient({ ...options, fetch: (input, init) => network.fetch(input, init) });
        const elsewhere = createChatClient({ ...options, fetch: direct });
        const createThere = async () => {
          elsewhere.newThread();
          await elsewhere.send('x').done;
        };
        for (let index = 0; index < count; index += 1) await createThere();
        const stored = async () =>
          (await store.listThreads({ limit: 100, order: 'desc' }, ada)).data.map(({ id }) => id);
        const list = createThreadList(client, { limit: 3 });
        const removed = new Set<string>();
        const shown = () => list.getSnapshot().threads.map(({ id }) => id);
        const unsubscribe = list.subscribe(() => {
          const ids = shown();
          expect(new Set(ids).size).toBe(ids.length);
          for (const id of ids) expect(removed).not.toContain(id);
        });
        await list.refresh();
        const heard = new Set(await stored());
        client.subscribe(() => heard.add(client.getSnapshot().thread?.id ?? ''));
        const work: Promise<unknown>[] = [];
        const quietly = (promise: Promise<unknown>) => void work.push(promise.catch(() => {}));
        for (const what of steps) {
          const ids = shown();
          const id = 'at' in what && ids.length > 0 ? ids[what.at % ids.length] : undefined;
          if (what.does === 'refresh') quietly(list.refresh());
          else if (what.does === 'more') quietly(list.loadMore());
          else if (what.does === 'create there') await createThere();
          else if (what.does === 'send') {
            client.newThread();
            quietly(client.send('y').done);
          } else if (what.does === 'delay') network.plan({ delayMs: what.ms });
          else if (what.does === 'fail') network.plan({ refuse: true });
          else if (what.does === 'pass') await clock.advance(what.ms);
          else if (id === undefined) continue;
          else if (what.does === 'open') quietly(client.loadThread(id));
          else if (what.does === 'rename') quietly(list.rename(id, `title of ${id}`));
          else if (what.does === 'remove') quietly(list.remove(id).then(() => removed.add(id)));
          else quietly(elsewhere.deleteThread(id));
        }
        await clock.advance(400_000);
        await Promise.all(work);
        // What is left of the plan.
        for (let left = steps.length; left > 0; left -= 1) {
          quietly(client.listThreads());
          await clock.advance(100);
        }
        await Promise.all(work);
        const loadAll = async () => {
          for (let page = 0; list.getSnapshot().hasMore && page < 20; page += 1) await list.loadMore();
          expect(list.getSnapshot()).toMatchObject({ status: 'idle', hasMore: false });
        };
        await loadAll();
        const all = await stored();
        // What others begin, or began when the chat had gone elsewhere, is heard of when the first page is loaded again.
        expect(all.filter((id) => !shown().includes(id) && heard.has(id))).toEqual([]);
        await list.refresh();
        await loadAll();
        expect(shown().sort()).toEqual(all.sort());
        unsubscribe();
      },
    );
    await fc.assert(law, { numRuns: Number(process.env['CHATKIT_RUNS'] ?? 100) });
  });
});
