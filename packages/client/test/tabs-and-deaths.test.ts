import {
  assistantMessage,
  itemAdded,
  itemDone,
  partAdded,
  progressUpdate,
  type ThreadItem,
  textDelta,
} from '@chatkit/core';
import { createScriptedNetwork, createVirtualClock, type NetworkPlan } from '@chatkit/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChatClient, type ChatRun, createChatClient } from '../src/index.ts';
import { textOf } from './support/chat.ts';
import { never } from './support/faulty-body.ts';
import { mortalChat } from './support/mortal-chat.ts';
import { framesOf } from './support/schedulers.ts';

/** What becomes of one of a tab's next requests. `twice`: somebody in between sends it again, and hands on one of the answers. */
type Fault = NetworkPlan | { readonly twice: 'first' | 'second' };

const fault = fc.oneof<fc.Arbitrary<Fault>[]>(
  fc.record({ cutAfterBytes: fc.nat(2_500) }),
  fc.record({ stallAfterBytes: fc.nat(2_500) }),
  fc.constantFrom({ status: 502 }, { status: 521 }, { status: 404 }, { loseAnswer: true }, { refuse: true }),
  fc.constantFrom<Fault[]>({ twice: 'first' }, { twice: 'second' }),
  fc.record({ delayMs: fc.nat(40_000) }),
  fc.constant({ respond: () => never<Response>() }),
);

const tab = fc.constantFrom(0 as const, 1 as const);

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ tab, does: fc.constant('send' as const) }) },
  { weight: 5, arbitrary: fc.record({ tab, does: fc.constantFrom('stop', 'reload', 'refresh', 'retry') }) },
  { weight: 5, arbitrary: fc.nat(80) },
  { weight: 1, arbitrary: fc.nat(40_000) },
  { weight: 1, arbitrary: fc.constant(400_000) },
  { weight: 3, arbitrary: fc.record({ tab, fault }) },
  { weight: 2, arbitrary: fc.constantFrom('kill' as const, 'deploy' as const) },
);

/** A conversation that is there, or one that the first message begins; of a server that is known to take run ids, or of any. */
const beginning = fc.record({ isNew: fc.boolean(), extensions: fc.constantFrom(true, undefined) });

const words = (count: number, text: string) => Array.from({ length: count }, (_, index) => `${text}${index} `);

describe('two tabs, a network and a server that may die', () => {
  it('each message once, no answer twice, none lost, and the same on every screen', { timeout: 120_000 }, async () => {
    const law = fc.asyncProperty(fc.array(step, { maxLength: 16 }), beginning, async (steps, { isNew, extensions }) => {
      const clock = createVirtualClock({ startMs: 1_000_000 });
      const chat = mortalChat({
        clock,
        retryMs: 500,
        async *respond(thread, input, _, { signal }) {
          const text = textOf(input ?? undefined);
          yield progressUpdate(`thinking of ${text}`);
          await clock.sleep(15, signal);
          const item = assistantMessage({ thread_id: thread.id });
          yield itemAdded(item);
          yield partAdded(item.id, {}, 0);
          const deltas = words(8, text);
          for (const delta of deltas) {
            yield textDelta(item.id, delta);
            await clock.sleep(5, signal);
          }
          yield itemDone(
            assistantMessage({ id: item.id, thread_id: thread.id, created_at: item.created_at, text: deltas.join('') }),
          );
        },
      });
      /** While the old process ends in good order there are two, of which neither knows the other's runs. */
      const isDeployed = steps.includes('deploy');
      let isMended = false;
      const runs: { text: string; run: ChatRun }[] = [];
      const requests: Promise<unknown>[] = [];
      const ask = (request: Promise<unknown>) => requests.push(request.catch(() => {}));
      const seen = new Set<string>();
      const look = (client: ChatClient) => {
        const { items, pendingItemIds, failedItemIds } = client.getSnapshot();
        for (const item of items)
          if (item.type === 'user_message' && !pendingItemIds.has(item.id) && !failedItemIds.has(item.id))
            seen.add(textOf(item));
      };
      const open = (fetch: typeof globalThis.fetch): ChatClient => {
        const client = createChatClient({
          url: 'http://chat.test/chatkit',
          extensions,
          clock,
          random: () => 0,
          connection: { floorMs: 1 },
          scheduler: framesOf(clock),
          fetch: (input, init) => (isMended ? chat.direct : fetch)(input, init),
        });
        client.subscribe(() => look(client));
        return client;
      };
      const networks = [0, 1].map(() => createScriptedNetwork({ handler: chat.handler, clock }));
      const tabs = networks.map(({ fetch }) => open(fetch));
      const at = (index: 0 | 1) => tabs[index] as ChatClient;
      const shownBy = (client: ChatClient) => client.getSnapshot().thread?.id;
      /** The conversation, once it has begun. */
      let threadId: string | undefined;
      const begin = () => {
        if (threadId !== undefined) return;
        threadId = shownBy(at(0));
        if (threadId !== undefined) ask(at(1).loadThread(threadId));
      };
      if (!isNew) {
        runs.push({ text: 'm0.', run: at(0).send('m0.') });
        await clock.advance(500);
      }

      for (const what of steps) {
        begin();
        if (typeof what === 'number') await clock.advance(what);
        else if (what === 'deploy') chat.deploy();
        else if (what === 'kill') {
          chat.kill();
          clock.setTimeout(chat.start, 40);
        } else if ('fault' in what) {
          const { fault } = what;
          const twice = 'twice' in fault ? fault.twice : undefined;
          const plan =
            twice === undefined
              ? (fault as NetworkPlan)
              : {
                  async respond(request: Request) {
                    const copy = request.clone();
                    const [first, second] = [chat.handler(request), chat.handler(copy)];
                    const [kept, other] = twice === 'first' ? [first, second] : [second, first];
                    void other.then(({ body }) => body?.cancel()).catch(() => {});
                    return kept;
                  },
                };
          networks[what.tab]?.plan(plan);
        } else {
          const index = threadId === undefined ? 0 : what.tab;
          const client = at(index);
          if (what.does === 'send') {
            const text = `m${runs.length}.`;
            runs.push({ text, run: client.send(text) });
          } else if (what.does === 'stop') ask(client.stop());
          else if (what.does === 'refresh') ask(client.refresh());
          else if (what.does === 'reload') {
            await clock.advance(5);
            client.detach();
            begin();
            const fetch = networks[index]?.fetch as typeof globalThis.fetch;
            tabs[index] = open(fetch);
            if (threadId !== undefined) ask(at(index).loadThread(threadId));
          } else {
            const { failedItemIds, error } = client.getSnapshot();
            if (failedItemIds.size > 0) requests.push(client.retry().done);
            else if (
              error?.retryable &&
              client.getSnapshot().thread !== undefined &&
              client.getSnapshot().items.length > 0
            ) {
              requests.push(client.retry().done);
            }
          }
        }
      }
      await clock.advance(11 * 60_000);
      await Promise.all([...requests, ...runs.map(({ run }) => run.done)]);
      isMended = true;
      begin();
      expect(threadId === undefined ? [...seen] : []).toEqual([]);
      if (threadId === undefined) return;
      await Promise.all(requests);
      for (const client of tabs) {
        if (shownBy(client) === undefined) await client.loadThread(threadId);
        else await client.refresh();
        // A first message that was sent once more, after its page was loaded anew, has begun another one.
        if (shownBy(client) !== threadId) return;
      }
      const fresh = open(chat.direct);
      await fresh.loadThread(threadId);
      const stored = fresh.getSnapshot().items;
      const asked = stored.filter(({ type }) => type === 'user_message').map(textOf);
      expect(new Set(asked).size).toBe(asked.length);
      for (const client of tabs) {
        look(client);
        const { items, failedItemIds, pendingItemIds, streamingItemIds, connection, status, error } =
          client.getSnapshot();
        expect({ pending: pendingItemIds.size, streaming: streamingItemIds.size, connection, status }).toEqual({
          pending: 0,
          streaming: 0,
          connection: 'none',
          status: 'idle',
        });
        // What a server that died had said and not stored stays on the screen, with an error that says so; and then so
        // does an answer as it was stopped, when the process that writes it was not the one that was told.
        const known = new Set(stored.map(({ id }) => id));
        const isShown = ({ id }: ThreadItem) => !failedItemIds.has(id) && (error === undefined || known.has(id));
        const asSeen = (item: ThreadItem) => (isDeployed && error !== undefined ? item.id : item);
        expect(items.filter(isShown).map(asSeen)).toEqual(stored.map(asSeen));
        expect(items.filter((item) => failedItemIds.has(item.id) && asked.includes(textOf(item)))).toEqual([]);
      }
      const answers = stored.filter(({ type }) => type === 'assistant_message').map(textOf);
      for (const text of asked) {
        const own = answers.filter((answer) => answer.startsWith(text));
        expect(own.length, `answers to ${text}`).toBeLessThanOrEqual(1);
      }
      for (const text of seen) expect(asked).toContain(text);
      for (const { text, run } of runs) {
        if ((await run.done) !== 'completed') continue;
        const own = answers.find((answer) => answer.startsWith(text));
        // What a server that ends in good order keeps of an answer is all that anybody can have of it, and what it
        // writes behind a message that the new one took looks like that message's answer; a message that was overtaken
        // before that needs none, and part of one that a dead server has left cannot be told from all of it.
        const isOvertaken = (own === undefined || steps.includes('kill')) && asked.at(-1) !== text;
        const isCut = isDeployed && (own !== undefined || stored.at(-1)?.type === 'assistant_message');
        if (!isCut && !isOvertaken) expect(own).toBe(words(8, text).join(''));
      }
    });
    await fc.assert(law, { numRuns: Number(process.env['CHATKIT_RUNS'] ?? 100) });
  });
});
