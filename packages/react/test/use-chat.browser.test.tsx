import { type ChatClient, createChatClient } from '@chatkit/client';
import { assistantMessage, itemAdded, itemDone, type ThreadItem, textDelta } from '@chatkit/core';
import { createChatKitServer } from '@chatkit/server';
import { createMemoryStore } from '@chatkit/store/memory';
import { memo, StrictMode, useCallback, useEffect, useState } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ChatProvider, useChat, useChatSelector, useThreads } from '../src/index.ts';

const created_at = '2099-01-01T00:00:00Z';
const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

/** A server in the page, behind a real `Response`: the answer grows by one word at each `next()`. */
const chat = () => {
  let step: (() => void) | undefined;
  let isOver = false;
  const server = createChatKitServer({
    store: createMemoryStore(),
    async *respond(thread) {
      const base = { thread_id: thread.id, id: `msg_answer_${thread.id}`, created_at };
      yield itemAdded(assistantMessage(base));
      let text = '';
      while (!isOver) {
        await new Promise<void>((resolve) => {
          step = resolve;
        });
        text += 'word ';
        yield textDelta(base.id, 'word ');
      }
      yield itemDone(assistantMessage({ ...base, text }));
    },
  });
  const client = createChatClient({
    url: 'http://chat.test/chatkit',
    fetch: async (input, init) => server.handle(new Request(input, init), { userId: 'ada' }),
  });
  const next = async (isLast = false) => {
    await expect.poll(() => step).toBeDefined();
    isOver = isLast;
    step?.();
    step = undefined;
  };
  return {
    client,
    next,
    end: () => next(true),
  };
};

const renders = new Map<string, number>();
const count = (name: string) => renders.set(name, (renders.get(name) ?? 0) + 1);
const Item = memo(({ item }: { item: ThreadItem }) => {
  count(item.type);
  const text = 'content' in item && Array.isArray(item.content) ? item.content.map((part) => part.text).join('') : '';
  return <li>{text}</li>;
});
const Items = () => {
  const { items, status } = useChat();
  count('list');
  return (
    <ul data-status={status}>
      {items.map((item) => (
        <Item key={item.id} item={item} />
      ))}
    </ul>
  );
};
const StopButton = () => {
  const canStop = useChatSelector((snapshot) => snapshot.canStop);
  count('button');
  return <button type="button" disabled={!canStop} />;
};

const same = (a: { count: number }, b: { count: number }) => a.count === b.count;
const Count = () => {
  const select = useCallback(({ items }: { items: readonly ThreadItem[] }) => ({ count: items.length }), []);
  const { count: items } = useChatSelector(select, same);
  count('count');
  return <output>{items}</output>;
};

/** Written as most people write it: with functions that are new at each render, and an effect on what they give. */
const Echo = () => {
  const kinds = useChatSelector(
    ({ items }) => items.map(({ type }) => type),
    (a, b) => a.join() === b.join(),
  );
  const [echo, setEcho] = useState<readonly string[]>([]);
  useEffect(() => setEcho([...kinds]), [kinds]);
  count('echo');
  return <output>{echo.join()}</output>;
};

const Threads = () => {
  const { threads, status } = useThreads();
  return <nav data-status={status}>{threads.map(({ id }) => id).join()}</nav>;
};

const Given = ({ client }: { client: ChatClient }) => <p>{String(useChat(client).client === client)}</p>;

describe('hooks in a browser', () => {
  let root: Root;
  let node: HTMLElement;
  beforeEach(() => {
    node = document.body.appendChild(document.createElement('div'));
    root = createRoot(node);
  });
  afterEach(() => {
    root.unmount();
    node.remove();
  });

  beforeEach(() => renders.clear());

  const shown = () => [...node.querySelectorAll('li')].map(({ textContent }) => textContent);
  const render = (client: ChatClient, what: React.ReactNode, strict = false) => {
    const tree = <ChatProvider client={client}>{what}</ChatProvider>;
    root.render(strict ? <StrictMode>{tree}</StrictMode> : tree);
  };

  it('render only the item that changed', async () => {
    const { client, next, end } = chat();
    render(
      client,
      <>
        <Items />
        <StopButton />
      </>,
    );
    const run = client.send('Hi');
    await next();
    await expect.poll(() => shown()).toEqual(['Hi', 'word ']);
    const before = new Map(renders);
    for (let words = 2; words <= 11; words += 1) {
      await next();
      await expect.poll(() => shown()[1]).toBe('word '.repeat(words));
    }
    expect(renders.get('user_message')).toBe(before.get('user_message'));
    expect(renders.get('button')).toBe(before.get('button'));
    // Once per word, each in a frame of its own.
    expect((renders.get('assistant_message') ?? 0) - (before.get('assistant_message') ?? 0)).toBe(10);
    await end();
    expect(await run.done).toBe('completed');
    await expect.poll(() => node.querySelector('ul')?.dataset['status']).toBe('idle');
    await frame();
  });

  it('do the same under StrictMode, and leave no subscription behind', async () => {
    const { client, next, end } = chat();
    let open = 0;
    const counted: ChatClient = {
      ...client,
      subscribe(listener) {
        open += 1;
        const unsubscribe = client.subscribe(listener);
        return () => {
          open -= 1;
          unsubscribe();
        };
      },
    };
    render(counted, <Items />, true);
    const run = client.send('Hi');
    await next();
    await expect.poll(() => shown()).toEqual(['Hi', 'word ']);
    await end();
    await run.done;
    await expect.poll(() => shown()).toEqual(['Hi', 'word word ']);
    root.unmount();
    expect(open).toBe(0);
    root = createRoot(node);
  });

  it('keep an object that says the same', async () => {
    const { client, next, end } = chat();
    render(client, <Count />);
    const run = client.send('Hi');
    await next();
    await expect.poll(() => node.textContent).toBe('2');
    const before = renders.get('count');
    for (let words = 0; words < 5; words += 1) {
      await next();
      await frame();
    }
    expect(renders.get('count')).toBe(before);
    await end();
    await run.done;
  });

  it('keep it also when the component renders for another reason', async () => {
    const { client, next, end } = chat();
    render(client, <Echo />, true);
    const run = client.send('Hi');
    await next();
    await expect.poll(() => node.textContent).toBe('user_message,assistant_message');
    await frame();
    await frame();
    const before = renders.get('echo');
    await next();
    await frame();
    await frame();
    expect(renders.get('echo')).toBe(before);
    await end();
    await run.done;
  });

  it('list the threads, with the one that is shown', async () => {
    const { client, next, end } = chat();
    render(client, <Threads />, true);
    await expect.poll(() => node.querySelector('nav')?.dataset['status']).toBe('idle');
    const run = client.send('Hi');
    await next();
    await expect.poll(() => node.textContent).toMatch(/^thr_/);
    await end();
    await run.done;
  });

  it('load the list once when they are mounted, under StrictMode too', async () => {
    const { client } = chat();
    const list = vi.spyOn(client, 'listThreads');
    render(client, <Threads />, true);
    await expect.poll(() => list.mock.calls.length).not.toBe(0);
    await expect.poll(() => node.querySelector('nav')?.dataset['status']).toBe('idle');
    expect(list.mock.calls).toHaveLength(1);
  });

  it('use the client that they are given, and not the provider’s', async () => {
    const [provided, own] = [chat().client, chat().client];
    render(provided, <Given client={own} />);
    await expect.poll(() => node.querySelector('p')?.textContent).toBe('true');
  });

  it('ask for a provider', () => {
    const onError = vi.fn();
    const bare = createRoot(document.createElement('div'), { onUncaughtError: onError });
    bare.render(<Items />);
    return expect.poll(() => String(onError.mock.calls[0]?.[0])).toContain('ChatProvider');
  });
});

describe('a hidden tab', () => {
  it('is told as well, although no frame comes', async () => {
    const visibility = vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden');
    const frames = vi.spyOn(globalThis, 'requestAnimationFrame').mockReturnValue(0);
    const { client, next, end } = chat();
    const listener = vi.fn();
    const run = client.send('Hi');
    client.subscribe(listener);
    await next();
    await expect.poll(() => client.getSnapshot().items).toHaveLength(2);
    expect(listener).toHaveBeenCalled();
    await end();
    expect(await run.done).toBe('completed');
    visibility.mockRestore();
    frames.mockRestore();
  });
});
