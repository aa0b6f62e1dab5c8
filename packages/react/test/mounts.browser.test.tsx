// Components that come and go in the middle of an answer, at once or in a transition, under StrictMode: all that are there show the same,
// and what has gone leaves nothing behind.
import { type ChatClient, createChatClient } from '@chatkit/client';
import { assistantMessage, itemAdded, itemDone, textDelta } from '@chatkit/core';
import { createChatKitServer } from '@chatkit/server';
import { createMemoryStore } from '@chatkit/store/memory';
import fc from 'fast-check';
import { StrictMode, startTransition, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { expect, it, vi } from 'vitest';
import { ChatProvider, useChat, useChatSelector, useThreads } from '../src/index.ts';

/** Vitest's own would be a second, which a busy machine may need. */
const patience = { timeout: 20_000 };
const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

/** A server in the page, whose answer goes on by a word at each `next()`, and a client that counts who listens to it. */
const chat = () => {
  let goOn = () => {};
  let answers = 0;
  const server = createChatKitServer({
    store: createMemoryStore(),
    async *respond(thread, _input, _context, { signal }) {
      answers += 1;
      const base = { thread_id: thread.id, id: `msg_answer_${answers}`, created_at: '2099-01-01T00:00:00Z' };
      yield itemAdded(assistantMessage(base));
      for (let word = 0; word < 3; word += 1) {
        await new Promise<void>((resolve) => {
          goOn = resolve;
          signal.addEventListener('abort', () => resolve());
        });
        if (signal.aborted) return;
        yield textDelta(base.id, `${answers}.${word} `);
      }
      yield itemDone(assistantMessage({ ...base, text: `whole ${answers}` }));
    },
  });
  const client = createChatClient({
    url: 'http://chat.test/chatkit',
    fetch: async (input, init) => server.handle(new Request(input, init), { userId: 'ada' }),
  });
  let listeners = 0;
  const counted: ChatClient = {
    ...client,
    subscribe(listener) {
      listeners += 1;
      const end = client.subscribe(listener);
      return () => {
        listeners -= 1;
        end();
      };
    },
  };
  return { client: counted, next: () => goOn(), listeners: () => listeners };
};

const textOf = (items: ReturnType<ChatClient['getSnapshot']>['items']) =>
  items.map((item) => ('content' in item ? JSON.stringify(item.content) : item.type)).join();

const kinds = {
  whole: () => <p data-kind="text">{textOf(useChat().items)}</p>,
  selected: () => <p data-kind="text">{useChatSelector(({ items }) => textOf(items))}</p>,
  counted: () => <p data-kind="count">{useChatSelector(({ items }) => ({ length: items.length }), same).length}</p>,
  threads: () => <p data-kind="threads">{useThreads().threads.length}</p>,
};
const same = (a: { length: number }, b: { length: number }) => a.length === b.length;
type Kind = keyof typeof kinds;

interface Panel {
  readonly id: number;
  readonly kind: Kind;
}
type Change = (make: (panels: readonly Panel[]) => readonly Panel[]) => void;

const Panels = ({ onReady }: { onReady: (change: Change) => void }) => {
  const [panels, setPanels] = useState<readonly Panel[]>([{ id: 0, kind: 'whole' }]);
  useEffect(() => onReady(setPanels), [onReady]);
  return panels.map(({ id, kind }) => {
    const Shown = kinds[kind];
    return <Shown key={id} />;
  });
};

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      add: fc.constantFrom<Kind[]>('whole', 'selected', 'counted', 'threads'),
      slow: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ remove: fc.nat(9), slow: fc.boolean() }) },
  { weight: 4, arbitrary: fc.constantFrom('next' as const, 'frame' as const) },
  { weight: 2, arbitrary: fc.constantFrom('send' as const, 'stop' as const, 'new' as const, 'all away' as const) },
);

it('all that are mounted show the same, and what is unmounted lets go', async () => {
  const law = fc.asyncProperty(fc.array(step, { maxLength: 16 }), async (steps) => {
    const { client, next, listeners } = chat();
    const node = document.body.appendChild(document.createElement('div'));
    const errors: unknown[] = [];
    const root = createRoot(node, { onUncaughtError: (error) => errors.push(error) });
    const held: { change?: Change } = {};
    const onReady = (change: Change) => {
      held.change = change;
    };
    const change: Change = (make) => held.change?.(make);
    root.render(
      <StrictMode>
        <ChatProvider client={client}>
          <Panels onReady={onReady} />
        </ChatProvider>
      </StrictMode>,
    );
    // Not only shown: what changes it is there with its effects, a moment later.
    await expect.poll(() => held.change).toBeDefined();
    const shown = (kind: string) =>
      [...node.querySelectorAll(`[data-kind=${kind}]`)].map(({ textContent }) => textContent);
    const look = () => {
      for (const kind of ['text', 'count']) expect(new Set(shown(kind)).size).toBeLessThanOrEqual(1);
    };
    const runs: Promise<unknown>[] = [];
    let id = 0;
    for (const what of steps) {
      const quickly = (work: () => void) => work();
      if (typeof what === 'object') {
        const when = what.slow ? startTransition : quickly;
        if ('add' in what) when(() => change((panels) => [...panels, { id: ++id, kind: what.add }]));
        else when(() => change((panels) => panels.filter((_, index) => index !== what.remove % (panels.length || 1))));
      } else if (what === 'next') next();
      else if (what === 'frame') await frame();
      else if (what === 'send') runs.push(client.send('Hi').done);
      else if (what === 'stop') void client.stop();
      else if (what === 'new') client.newThread();
      else change(() => []);
      look();
      await new Promise((resolve) => setTimeout(resolve, 0));
      look();
    }
    await client.stop();
    await Promise.all(runs);
    change((panels) => [...panels, { id: ++id, kind: 'whole' }, { id: ++id, kind: 'counted' }]);
    await vi.waitFor(() => {
      const { items } = client.getSnapshot();
      expect(new Set(shown('text'))).toEqual(new Set([textOf(items)]));
      expect(new Set(shown('count'))).toEqual(new Set([String(items.length)]));
    }, patience);
    root.unmount();
    await frame();
    expect(listeners()).toBe(0);
    expect(errors).toEqual([]);
    node.remove();
  });
  await fc.assert(law, { numRuns: 25 });
});
