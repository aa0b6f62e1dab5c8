import { assistantMessage, itemAdded, itemDone, textDelta } from '@chatkit/core';
import { until as after, say, scriptedResponder } from '@chatkit/testing';
import { describe, expect, it, vi } from 'vitest';
import { type ChannelPort, type ChatClient, followTabs, type PageSignal, shareTabs } from '../src/index.ts';
import { requestTypes, settle, testChat, texts, until } from './support/chat.ts';

/** Tabs with one channel between them. */
const tabs = (chat: ReturnType<typeof testChat>) => {
  const channels = new Set<ChannelPort>();
  const openChannel = (): ChannelPort => {
    const channel: ChannelPort = {
      onmessage: null,
      postMessage(data) {
        for (const other of channels) if (other !== channel) other.onmessage?.({ data } as MessageEvent);
      },
      close: () => void channels.delete(channel),
    };
    channels.add(channel);
    return channel;
  };
  const open = async (threadId?: string) => {
    const listeners = new Set<(signal: PageSignal) => void>();
    const page = {
      listen(listener: (signal: PageSignal) => void) {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    };
    const client = chat.client();
    const end = followTabs(client, { openChannel, page });
    if (threadId !== undefined) await client.loadThread(threadId);
    const tell = (signal: PageSignal) => {
      for (const listener of listeners) listener(signal);
    };
    return { client, end, tell, listeners };
  };
  return { open, channels };
};

const idOf = (client: ChatClient): string => client.getSnapshot().thread?.id ?? '';
const gate = () => {
  let open!: () => void;
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open };
};

describe('tabs that show one thread', () => {
  it('show an answer that is begun in another one as it is written', async () => {
    const hold = gate();
    const base = { id: 'msg_second', created_at: '2099-01-01T00:00:00Z' };
    const chat = testChat({
      respond: scriptedResponder(({ thread }, index) =>
        index === 0
          ? [say('one')]
          : [
              itemAdded(assistantMessage({ ...base, thread_id: thread.id })),
              textDelta(base.id, 'tw'),
              after(hold.promise),
              textDelta(base.id, 'o'),
              itemDone(assistantMessage({ ...base, thread_id: thread.id, text: 'two' })),
            ],
      ),
    });
    const { open } = tabs(chat);
    const first = await open();
    await first.client.send('1').done;
    const second = await open(idOf(first.client));
    const elsewhere = await open();
    const pictures: string[] = [];
    second.client.subscribe(() => pictures.push(texts(second.client).join('|')));

    const run = first.client.send('2');
    await until(second.client, () => texts(second.client).at(-1) === 'tw');
    expect(second.client.getSnapshot()).toMatchObject({ status: 'streaming', canStop: true });
    hold.open();
    await until(second.client, () => second.client.getSnapshot().status === 'idle');
    await run.done;
    expect(second.client.getSnapshot().items).toEqual(first.client.getSnapshot().items);
    // Nothing that was there went away, and what came, came in one piece.
    for (const picture of pictures) expect(picture).toMatch(/^1\|one(?:$|\|2\|two?$)/);
    expect(elsewhere.client.getSnapshot().items).toEqual([]);
  });

  it('show what was asked in both of them at one moment, whoever was first', async () => {
    const chat = testChat({ respond: scriptedResponder((_, index) => [say(`answer ${index}`)]) });
    const { open } = tabs(chat);
    const first = await open();
    await first.client.send('1').done;
    const second = await open(idOf(first.client));
    for (const round of ['a', 'b', 'c']) {
      const runs = [first.client.send(`first ${round}`), second.client.send(`second ${round}`)];
      await Promise.all(runs.map(({ done }) => done));
      const stored = chat.client();
      await stored.loadThread(idOf(first.client));
      const { items } = stored.getSnapshot();
      for (const { client } of [first, second]) {
        await until(client, () => client.getSnapshot().items.length === items.length);
        expect(client.getSnapshot().items).toEqual(items);
      }
    }
  });

  it('come back to what was said while nobody looked', async () => {
    const chat = testChat({ respond: scriptedResponder([say('ok')]) });
    const { open } = tabs(chat);
    const { client, tell } = await open();
    await client.send('1').done;
    const before = client.getSnapshot().items;
    const phone = chat.client();
    await phone.loadThread(idOf(client));
    await phone.send('2').done;
    expect(texts(client)).toEqual(['1', 'ok']);
    tell('visible');
    await until(client, () => texts(client).length === 4);
    expect(texts(client)).toEqual(['1', 'ok', '2', 'ok']);
    for (const [index, item] of before.entries()) expect(client.getSnapshot().items[index]).toBe(item);
  });

  it('leave nothing behind', async () => {
    const { open, channels } = tabs(testChat());
    const { end, listeners } = await open();
    end();
    expect([channels.size, listeners.size]).toEqual([0, 0]);
  });
});

describe('refresh', () => {
  it('does nothing without a thread, and while something is going on', async () => {
    const hold = gate();
    const { client: make, network } = testChat({ respond: scriptedResponder([say('ok'), after(hold.promise)]) });
    const client = make();
    await client.refresh();
    const run = client.send('1');
    await until(client, () => texts(client).at(-1) === 'ok');
    await client.refresh();
    hold.open();
    await run.done;
    expect(requestTypes(network)).toEqual(['threads.create']);
  });

  it('keeps the screen when it fails', async () => {
    const { client: make, network } = testChat({ respond: scriptedResponder([say('ok')]) });
    const client = make();
    await client.send('1').done;
    const before = client.getSnapshot();
    network.plan({ status: 503 });
    await expect(client.refresh()).rejects.toMatchObject({ code: 'transport.status' });
    expect(client.getSnapshot()).toBe(before);
    expect(await client.send('2').done).toBe('completed');
  });

  it('keeps the pages that were loaded before the last one', async () => {
    const { client: make } = testChat({ respond: scriptedResponder([say('ok')]) });
    const writer = make();
    for (let turn = 0; turn < 15; turn += 1) await writer.send(`${turn}`).done;
    const reader = make();
    await reader.loadThread(idOf(writer));
    await reader.loadOlder();
    expect(reader.getSnapshot().items).toHaveLength(30);
    await reader.refresh();
    await settle();
    expect(reader.getSnapshot().items).toEqual(writer.getSnapshot().items);
    expect(reader.getSnapshot().hasOlder).toBe(false);
  });
});

describe('a page', () => {
  it('shows what was said meanwhile when it is online again', async () => {
    const chat = testChat({ respond: scriptedResponder([say('ok')]) });
    const { open } = tabs(chat);
    const first = await open();
    await first.client.send('One').done;
    const second = await open(idOf(first.client));
    first.end();
    await first.client.send('Two').done;
    expect(texts(second.client)).toEqual(['One', 'ok']);
    second.tell('online');
    await until(second.client, () => texts(second.client).length === 4);
  });

  it('that may have no channel, because its user lets no page keep anything, has the rest', async () => {
    const Denied = class {
      constructor() {
        throw new DOMException('The operation is insecure.', 'SecurityError');
      }
    };
    vi.stubGlobal('BroadcastChannel', Denied);
    try {
      const chat = testChat({ respond: scriptedResponder([say('ok')]) });
      const locks = { request: async () => Promise.reject(new DOMException('Denied.', 'SecurityError')) };
      const client = chat.client({ fetch: shareTabs({ fetch: chat.network.fetch, locks }) });
      const end = followTabs(client);
      expect(await client.send('One').done).toBe('completed');
      end();
    } finally {
      vi.unstubAllGlobals();
    }
  });
});
