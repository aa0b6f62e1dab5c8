// Subscribers that use the client in the middle of being told: of a message that is about to be sent, of a thread that
// has just been loaded, of a run that has just ended.
import { clientToolCall, itemDone } from '@chatkit/core';
import { createVirtualClock, hang, say, scriptedResponder, wait } from '@chatkit/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ChatClient } from '../src/index.ts';
import { testChat } from './support/chat.ts';
import { atOnce, framesOf } from './support/schedulers.ts';

const acts = ['send', 'stop', 'retry', 'refresh', 'load', 'new', 'detach', 'edit', 'again', 'older'] as const;
type Act = (typeof acts)[number];

const scripts = [
  [say('a', 'b')],
  [wait(50), say('a'), wait(50), say('b')],
  [say('a'), hang()],
  'tools',
  'fail',
] as const;

it('what they do has the same effect as a moment later: nothing hangs, and the screen is what is stored', async () => {
  const law = fc.asyncProperty(
    fc.array(fc.record({ act: fc.constantFrom(...acts), waitMs: fc.nat(120) }), { minLength: 1, maxLength: 6 }),
    fc.array(fc.record({ skip: fc.nat(6), act: fc.constantFrom(...acts) }), { maxLength: 8 }),
    fc.array(fc.nat(scripts.length - 1), { minLength: 12, maxLength: 12 }),
    fc.record({ extensions: fc.boolean(), isToldAtOnce: fc.boolean() }),
    async (steps, reactions, kinds, { extensions, isToldAtOnce }) => {
      const clock = createVirtualClock({ startMs: 1_000_000 });
      const respond = scriptedResponder(
        ({ thread }, index) => {
          const script = scripts[kinds[index % kinds.length] ?? 0] ?? [];
          if (script === 'fail') return [say('a'), { type: 'script.fail', error: new Error('No.') }];
          if (script !== 'tools') return script;
          const id = `call_${index}`;
          return [itemDone(clientToolCall({ thread_id: thread.id, id, call_id: id, name: 'pick', arguments: {} }))];
        },
        { clock },
      );
      const chat = testChat({ respond, clock, onError: () => {} });
      let isOver = false;
      const client = chat.client({
        clock,
        extensions,
        random: () => 0.5,
        scheduler: isToldAtOnce ? atOnce : framesOf(clock),
        async onClientTool() {
          await clock.sleep(20);
          return 'red';
        },
      });
      const runs: Promise<unknown>[] = [];
      const calls: Promise<unknown>[] = [];
      let sent = 0;
      const perform = (act: Act): void => {
        const { thread, items, error, failedItemIds } = client.getSnapshot();
        const quietly = (call: Promise<unknown>) => calls.push(call.catch(() => {}));
        switch (act) {
          case 'send':
            sent += 1;
            if (sent < 12) runs.push(client.send(`message ${sent}`).done);
            break;
          case 'stop':
            quietly(client.stop());
            break;
          case 'retry':
            if (failedItemIds.size > 0 || error?.retryable) runs.push(retry(client));
            break;
          case 'refresh':
            quietly(client.refresh());
            break;
          case 'load':
            if (thread) quietly(client.loadThread(thread.id));
            break;
          case 'new':
            client.newThread();
            break;
          case 'detach':
            client.detach();
            break;
          case 'older':
            quietly(client.loadOlder());
            break;
          default: {
            const message = items.find(({ type, id }) => type === 'user_message' && id.startsWith('msg_'));
            sent += 1;
            if (message === undefined || sent >= 12) break;
            runs.push(act === 'edit' ? client.edit(message.id, `edited ${sent}`).done : retry(client));
          }
        }
      };
      let depth = 0;
      const left = [...reactions];
      let skip = left[0]?.skip ?? 0;
      client.subscribe(() => {
        if (isOver || depth > 3) return;
        skip -= 1;
        if (skip > 0) return;
        const next = left.shift();
        skip = left[0]?.skip ?? 0;
        depth += 1;
        if (next) perform(next.act);
        depth -= 1;
      });
      for (const { act, waitMs } of steps) {
        perform(act);
        await clock.advance(waitMs);
      }
      await clock.advance(60_000);
      isOver = true;
      void client.stop();
      await clock.advance(10 * 60_000);
      await Promise.all([...runs, ...calls]);
      expect(client.getSnapshot().status).toBe('idle');
      expect(client.getSnapshot().connection).toBe('none');
      expect(client.getSnapshot().canStop).toBe(false);
      const { thread } = client.getSnapshot();
      if (thread === undefined) return;
      await client.refresh();
      await clock.advance(10 * 60_000);
      const { failedItemIds, pendingItemIds, items } = client.getSnapshot();
      expect(pendingItemIds.size).toBe(0);
      const { data } = await chat.store.listItems(thread.id, { limit: 100, order: 'asc' }, { userId: 'ada' });
      const stored = data.filter(({ type }) => type !== 'sdk_hidden_context');
      expect(items.filter(({ id }) => !failedItemIds.has(id)).map(({ id }) => id)).toEqual(stored.map(({ id }) => id));
    },
  );
  const plain = Array.from({ length: 12 }, () => 0);
  const told = { extensions: true, isToldAtOnce: false };
  // Stopped before it was sent; stopped when it had ended; sent while another thread begins to be shown,
  // and in another one while a run that was attached to begins to be shown.
  await fc.assert(law, {
    numRuns: Number(process.env['CHATKIT_RUNS'] ?? 300),
    examples: [
      [[{ act: 'send', waitMs: 0 }], [{ skip: 0, act: 'stop' }], [2, ...plain], told],
      [
        [{ act: 'send', waitMs: 0 }],
        [
          { skip: 0, act: 'send' },
          { skip: 3, act: 'stop' },
        ],
        plain,
        { ...told, extensions: false },
      ],
      [
        [
          { act: 'send', waitMs: 0 },
          { act: 'detach', waitMs: 0 },
          { act: 'load', waitMs: 0 },
        ],
        [
          { skip: 3, act: 'again' },
          { skip: 3, act: 'send' },
        ],
        [2, 2, ...plain.slice(2)],
        { ...told, isToldAtOnce: true },
      ],
      [
        [
          { act: 'send', waitMs: 0 },
          { act: 'detach', waitMs: 0 },
          { act: 'refresh', waitMs: 0 },
          { act: 'send', waitMs: 0 },
        ],
        [
          { skip: 4, act: 'refresh' },
          { skip: 3, act: 'new' },
          { skip: 0, act: 'send' },
        ],
        [1, ...plain.slice(1)],
        { ...told, isToldAtOnce: true },
      ],
    ],
  });
});

const retry = (client: ChatClient): Promise<unknown> => {
  try {
    return client.retry().done;
  } catch {
    return Promise.resolve();
  }
};
