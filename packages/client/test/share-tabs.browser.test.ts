import { assistantMessage, itemAdded, itemDone, textDelta } from '@chatkit/core';
import { createChatKitServer } from '@chatkit/server';
import { createMemoryStore } from '@chatkit/store/memory';
import { describe, expect, it } from 'vitest';
import {
  type ChannelPort,
  type ChatClient,
  createChatClient,
  type PageEvents,
  type PageSignal,
  type ShareTabsOptions,
  shareTabs,
} from '../src/index.ts';

/** Tabs with the browser's own locks and channels, in one page, in front of one server that counts. */
const tabs = () => {
  let goOn: (() => void) | undefined;
  let isOver = false;
  const streams = { open: 0, most: 0, ever: 0 };
  const server = createChatKitServer({
    store: createMemoryStore(),
    retryMs: 500,
    async *respond(thread) {
      const base = { thread_id: thread.id, id: 'msg_answer', created_at: '2099-01-01T00:00:00Z' };
      yield itemAdded(assistantMessage(base));
      let text = '';
      for (let word = 1; !isOver; word += 1) {
        await new Promise<void>((resolve) => {
          goOn = resolve;
        });
        text += `${word} `;
        yield textDelta(base.id, `${word} `);
      }
      yield itemDone(assistantMessage({ ...base, text }));
    },
  });
  const counted: typeof globalThis.fetch = async (input, init) => {
    const response = await server.handle(new Request(input, init), { userId: 'ada' });
    const reader = response.body?.getReader();
    if (reader === undefined || !response.headers.get('content-type')?.includes('event-stream')) {
      reader?.releaseLock();
      return response;
    }
    streams.open += 1;
    streams.ever += 1;
    streams.most = Math.max(streams.most, streams.open);
    let isOpen = true;
    const end = () => {
      if (isOpen) streams.open -= 1;
      isOpen = false;
    };
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        end();
        controller.close();
      },
      async cancel() {
        end();
        await reader.cancel();
      },
    });
    return new Response(body, { headers: response.headers });
  };
  const open = (options: ShareTabsOptions = {}) => {
    const channels: { isFrozen: boolean }[] = [];
    const openChannel = (name: string): ChannelPort => {
      const channel = new BroadcastChannel(name);
      const port = {
        isFrozen: false,
        onmessage: null as ChannelPort['onmessage'],
        postMessage: (message: unknown) => port.isFrozen || channel.postMessage(message),
        close: () => channel.close(),
      };
      channel.onmessage = (event) => port.isFrozen || port.onmessage?.(event);
      channels.push(port);
      return port;
    };
    const setFrozen = (isFrozen: boolean) => () => {
      for (const channel of channels) channel.isFrozen = isFrozen;
    };
    const listeners = new Set<(signal: PageSignal) => void>();
    const page: PageEvents = {
      listen(listener) {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    };
    const client = createChatClient({
      url: 'http://chat.test/chatkit',
      extensions: true,
      fetch: shareTabs({ fetch: counted, page, openChannel, ...options }),
    });
    const hide = () => {
      for (const listener of [...listeners]) listener('hidden');
    };
    return { client, hide, listeners, freeze: setFrozen(true), thaw: setFrozen(false) };
  };
  return {
    streams,
    open,
    async word(last = false) {
      await expect.poll(() => goOn).toBeDefined();
      isOver = last;
      goOn?.();
      goOn = undefined;
    },
  };
};

const textOf = (client: ChatClient): string => {
  const item = client.getSnapshot().items.find(({ id }) => id === 'msg_answer');
  return item?.type === 'assistant_message' ? item.content.map((part) => part.text).join('') : '';
};
const upTo = (count: number) => Array.from({ length: count }, (_, index) => `${index + 1} `).join('');

describe('tabs of one origin', () => {
  it('share one stream; when its tab is hidden or leaves, another goes on without a gap', async () => {
    const { open, streams, word } = tabs();
    const first = open();
    const run = first.client.send('Hi');
    await word();
    await word();
    await expect.poll(() => textOf(first.client)).toBe(upTo(2));
    const id = first.client.getSnapshot().thread?.id ?? '';
    const others = Array.from({ length: 11 }, () => open());
    await Promise.all(others.map(({ client }) => client.loadThread(id)));
    const all = [first, ...others];
    const shown = (who: typeof all, count: number) =>
      expect.poll(() => new Set(who.map(({ client }) => textOf(client)))).toEqual(new Set([upTo(count)]));
    await shown(all, 2);
    await word();
    await shown(all, 3);
    expect(streams).toEqual({ open: 1, most: 1, ever: 1 });

    first.hide();
    await expect.poll(() => streams.ever).toBe(2);
    await word();
    await shown(all, 4);
    expect(streams).toMatchObject({ open: 1, most: 1 });

    // Whoever leads now: all but two leave.
    for (const { client } of others.slice(0, -2)) client.detach();
    const rest = [first, ...others.slice(-2)];
    await word();
    await word();
    await shown(rest, 6);
    expect(streams).toMatchObject({ open: 1, most: 1 });

    await word(true);
    expect(await run.done).toBe('completed');
    await expect.poll(() => streams.open).toBe(0);
    for (const { client } of rest) {
      await expect.poll(() => client.getSnapshot().status).toBe('idle');
      expect(client.getSnapshot().items).toEqual(first.client.getSnapshot().items);
      expect(client.getSnapshot().error).toBeUndefined();
    }
    expect(textOf(first.client)).toBe(upTo(7));
    await expect.poll(() => all.every(({ listeners }) => listeners.size === 0)).toBe(true);
    expect((await navigator.locks.query()).held?.filter(({ name }) => name?.startsWith('chatkit:'))).toEqual([]);
  });

  it('stop a run for all', async () => {
    const { open, word } = tabs();
    const [one, two] = [open(), open()];
    const run = one.client.send('Hi');
    await word();
    await expect.poll(() => textOf(one.client)).toBe(upTo(1));
    await two.client.loadThread(one.client.getSnapshot().thread?.id ?? '');
    await two.client.stop();
    expect(await run.done).toBe('cancelled');
    expect(two.client.getSnapshot().items).toEqual(one.client.getSnapshot().items);
  });

  it('take the lead from one that is frozen; when it wakes up, it follows', async () => {
    const { open, streams, word } = tabs();
    const one = open();
    void one.client.send('Hi');
    await word();
    await expect.poll(() => textOf(one.client)).toBe(upTo(1));
    const id = one.client.getSnapshot().thread?.id ?? '';
    // Whoever has a channel by now neither hears nor says anything.
    const { freeze, thaw } = one;
    freeze();
    const two = open();
    await two.client.loadThread(id);
    await expect.poll(() => textOf(two.client)).toBe(upTo(1));
    expect(streams.ever).toBe(2);
    thaw();
    await expect.poll(() => streams.open).toBe(1);
    await word();
    await expect.poll(() => [textOf(one.client), textOf(two.client)]).toEqual([upTo(2), upTo(2)]);
    await word(true);
    await expect.poll(() => one.client.getSnapshot().status).toBe('idle');
    await expect.poll(() => two.client.getSnapshot().status).toBe('idle');
    expect(one.client.getSnapshot().items).toEqual(two.client.getSnapshot().items);
  });

  it('do not depend on one that is hidden: it answers a newcomer, and leaves the lead to it', async () => {
    const { open, streams, word } = tabs();
    const one = open();
    void one.client.send('Hi');
    await word();
    await expect.poll(() => textOf(one.client)).toBe(upTo(1));
    one.hide();
    const two = open();
    await two.client.loadThread(one.client.getSnapshot().thread?.id ?? '');
    await expect.poll(() => streams).toEqual({ open: 1, most: 1, ever: 2 });
    await word();
    await expect.poll(() => [textOf(one.client), textOf(two.client)]).toEqual([upTo(2), upTo(2)]);
    await word(true);
    await expect.poll(() => one.client.getSnapshot().status).toBe('idle');
    await expect.poll(() => streams.open).toBe(0);
  });

  it('ask the server themselves when the leader no longer has what they miss', async () => {
    const { open, streams, word } = tabs();
    const one = open({ keepLength: 0 });
    void one.client.send('Hi');
    await word();
    await expect.poll(() => textOf(one.client)).toBe(upTo(1));
    const two = open();
    await two.client.loadThread(one.client.getSnapshot().thread?.id ?? '');
    await expect.poll(() => textOf(two.client)).toBe(upTo(1));
    expect(streams.open).toBe(2);
    await word(true);
    await expect.poll(() => two.client.getSnapshot().status).toBe('idle');
  });
});
