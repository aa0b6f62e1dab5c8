import { assistantMessage, clientToolCall, itemAdded, itemDone, type ThreadItem, textDelta } from '@chatkit/core';
import { createScriptedNetwork, createVirtualClock, type NetworkPlan } from '@chatkit/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChatClient, createChatClient } from '../src/index.ts';
import { textOf } from './support/chat.ts';
import { mortalChat } from './support/mortal-chat.ts';
import { framesOf } from './support/schedulers.ts';

const fault = fc.oneof(
  fc.record({ cutAfterBytes: fc.nat(1_500) }),
  fc.record({ stallAfterBytes: fc.nat(1_500) }),
  fc.constantFrom<NetworkPlan[]>({ status: 502 }, { status: 521 }, { loseAnswer: true }, { refuse: true }),
  fc.record({ delayMs: fc.nat(40_000) }),
);

const step = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('send one' as const, 'send two' as const) },
  { weight: 3, arbitrary: fc.constantFrom('retry' as const, 'refresh' as const) },
  { weight: 1, arbitrary: fc.constantFrom('stop' as const, 'reload' as const) },
  { weight: 6, arbitrary: fc.nat(60) },
  { weight: 1, arbitrary: fc.constant(400_000) },
  { weight: 4, arbitrary: fc.record({ fault }) },
  { weight: 3, arbitrary: fc.constant('kill' as const) },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/**
 * What a model does that goes on behind the output of a tool: it answers the newest message whose tools have all been answered and
 * that has no answer yet, which is an older one when that was retried last. Without one it says its last answer again.
 */
const toAnswer = (items: readonly ThreadItem[]) => {
  const messages = items.flatMap((item, at) => {
    if (item.type !== 'user_message') return [];
    const next = items.findIndex(({ type }, other) => other > at && type === 'user_message');
    const calls = items
      .slice(at, next < 0 ? undefined : next)
      .flatMap((call) => (call.type === 'client_tool_call' ? [call] : []));
    const isDone = calls.length > 0 && calls.every(({ status }) => status === 'completed');
    return [{ question: textOf(item), outputs: calls.map(({ output }) => String(output)), isDone }];
  });
  const said = new Set(items.map(textOf));
  const isOpen = ({ question, outputs, isDone }: (typeof messages)[number]): boolean =>
    isDone && !said.has(`${question}: ${outputs.join()}`);
  const [last] = messages.slice(-1);
  return messages.findLast(isOpen) ?? last ?? { question: '', outputs: [] };
};

describe('tools of the page, a network and a server that may die', () => {
  it('each call has one output and each message one answer, whatever is lost on the way', {
    timeout: 120_000,
  }, async () => {
    const law = fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
      const clock = createVirtualClock({ startMs: 1_000_000 });
      const chat = mortalChat({
        clock,
        retryMs: 500,
        async *respond(thread, input, user, { signal }) {
          await clock.sleep(10, signal);
          if (input !== null) {
            const text = textOf(input);
            for (const part of text.startsWith('two') ? ['a', 'b'] : ['a'])
              yield itemDone(
                clientToolCall({
                  thread_id: thread.id,
                  call_id: `${text}/${part}`,
                  name: 'pick',
                  arguments: { of: `${text}/${part}` },
                }),
              );
            return;
          }
          const { data } = await chat.store.listItems(thread.id, { limit: 100, order: 'asc' }, user);
          const { question, outputs } = toAnswer(data);
          const item = assistantMessage({ thread_id: thread.id });
          yield itemAdded(item);
          yield textDelta(item.id, `${question}:`);
          await clock.sleep(10, signal);
          const text = `${question}: ${outputs.join()}`;
          yield itemDone(assistantMessage({ id: item.id, thread_id: thread.id, created_at: item.created_at, text }));
        },
      });
      const network = createScriptedNetwork({ handler: chat.handler, clock });
      let isMended = false;
      const called: string[] = [];
      const errors: (string | undefined)[] = [];
      const open = (): ChatClient => {
        const client = createChatClient({
          url: 'http://chat.test/chatkit',
          extensions: true,
          clock,
          random: () => 0.3,
          connection: { floorMs: 1 },
          scheduler: framesOf(clock),
          fetch: (input, init) => (isMended ? chat.direct : network.fetch)(input, init),
          async onClientTool({ callId, arguments: { of } }) {
            called.push(callId);
            await clock.sleep(10);
            return `out ${of}`;
          },
        });
        client.subscribe(() => errors.push(client.getSnapshot().error?.code));
        return client;
      };
      let client = open();
      let threadId: string | undefined;
      const requests: Promise<unknown>[] = [];
      const ask = (request: Promise<unknown>) => requests.push(request.catch(() => {}));
      let count = 0;
      let isGivenUp = false;
      const retry = () => {
        const { failedItemIds, error, thread, items } = client.getSnapshot();
        if (failedItemIds.size > 0 || (error?.retryable && thread !== undefined && items.length > 0))
          ask(client.retry().done);
      };
      for (const what of steps) {
        threadId ??= client.getSnapshot().thread?.id;
        if (typeof what === 'number') await clock.advance(what);
        else if (typeof what === 'object') network.plan(what.fault);
        else if (what === 'kill') {
          chat.kill();
          clock.setTimeout(chat.start, 40);
        } else if (what === 'stop') {
          isGivenUp = true;
          ask(client.stop());
        } else if (what === 'refresh') ask(client.refresh());
        else if (what === 'retry') retry();
        else if (what === 'reload') {
          isGivenUp = true;
          client.detach();
          client = open();
          if (threadId !== undefined) ask(client.loadThread(threadId));
        } else {
          isGivenUp = false;
          count += 1;
          ask(client.send(`${what.slice(5)}${count}`).done);
        }
      }
      await clock.advance(11 * 60_000);
      await Promise.all(requests);
      isMended = true;
      for (let time = 0; time < 4; time += 1) {
        retry();
        await clock.advance(60_000);
      }
      await Promise.all(requests);
      threadId ??= client.getSnapshot().thread?.id;
      if (threadId === undefined) return;
      // What a server that died had said and not stored stays on the screen until then.
      await client.refresh();
      const { items, error, failedItemIds, status } = client.getSnapshot();
      expect(status).toBe('idle');
      const { data: stored } = await chat.store.listItems(threadId, { limit: 200, order: 'asc' }, { userId: 'ada' });
      const shown = stored.filter(({ type }) => type !== 'sdk_hidden_context');
      const story = shown.map((item) =>
        item.type === 'client_tool_call' ? `${item.call_id} ${item.status} ${item.output}` : textOf(item),
      );
      for (const item of shown) {
        if (item.type !== 'client_tool_call' || item.status === 'pending') continue;
        expect(item.output).toBe(`out ${item.call_id}`);
      }
      expect(new Set(story).size, story.join('\n')).toBe(story.length);
      if (isGivenUp || client.getSnapshot().thread?.id !== threadId) return;
      expect({ error, failed: failedItemIds.size }, story.join('\n')).toEqual({ error: undefined, failed: 0 });
      expect(items).toEqual(shown);
      const last = shown.findLast(({ type }) => type === 'user_message');
      const text = textOf(last);
      const outputs = (text.startsWith('two') ? ['a', 'b'] : ['a']).map((part) => `out ${text}/${part}`);
      expect(story, story.join('\n')).toContain(`${text}: ${outputs.join()}`);
    });
    // The output is stored, its answer lost; the answer to the message is lost behind a call; a message is retried behind a newer one.
    const examples: [Step[]][] = [
      [['send one', 1, { fault: { loseAnswer: true } }, 26, 'kill']],
      [[{ fault: { stallAfterBytes: 226 } }, 'send one', 10, 'kill']],
      [[{ fault: { stallAfterBytes: 226 } }, 'send one', 'stop', 'send one']],
    ];
    await fc.assert(law, { numRuns: Number(process.env['CHATKIT_RUNS'] ?? 100), examples });
  });
});
