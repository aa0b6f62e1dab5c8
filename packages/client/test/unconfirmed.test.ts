import { clientEffect } from '@chatkit/core';
import { createVirtualClock, fail, hang, say, scriptedResponder } from '@chatkit/testing';
import { describe, expect, it, vi } from 'vitest';
import type { ChatClient, ChatClientOptions, Scheduler } from '../src/index.ts';
import { noSuchRun, requestTypes, testChat, textOf, texts, until } from './support/chat.ts';
import { never } from './support/faulty-body.ts';

type ServerOptions = Parameters<typeof testChat>[0];

/** Every message of the user's on the screen: its text, and whether it counts as not sent. */
const messages = (client: ChatClient) => {
  const { items, failedItemIds, pendingItemIds } = client.getSnapshot();
  return items
    .filter(({ type }) => type === 'user_message')
    .map((item) => {
      const state = failedItemIds.has(item.id) ? 'failed' : pendingItemIds.has(item.id) ? 'pending' : 'stored';
      return `${textOf(item)}: ${state}`;
    });
};

const atOnce: Scheduler = (flush) => {
  flush();
  return () => {};
};

/** A chat with one message that was answered, whose time is the test's. */
const afterOne = async (options: Partial<ChatClientOptions> = {}, first = 'One', server: ServerOptions = {}) => {
  const clock = createVirtualClock({ startMs: 1_000_000 });
  const respond = scriptedResponder((_, index) => (index === 0 ? [say('a')] : [say('b'), hang()]));
  const chat = testChat({ respond, clock, ...server });
  const more = { clock, random: () => 0.5, connection: { budgetMs: 60_000 } };
  const client = chat.client({ ...more, ...options });
  client.send(first);
  await clock.advance(1_000);
  expect(messages(client)).toEqual([`${first}: stored`]);
  const other = chat.client({ ...more, fetch: chat.direct });
  await other.loadThread(client.getSnapshot().thread?.id ?? '');
  return { ...chat, client, other, clock, respond };
};

type Chat = Pick<Awaited<ReturnType<typeof afterOne>>, 'client' | 'clock' | 'network'>;

/** A message that the server has stored and has stopped answering, as it was told to; its client has not heard of it. */
const stopUnseen = async ({ client, clock, network }: Chat, text: string): Promise<void> => {
  network.plan({ stallAfterBytes: 0 });
  client.send(text);
  await clock.advance(100);
  void client.stop();
  await clock.advance(100);
  network.offline();
  await clock.advance(120_000);
  network.online();
};

/** How a server may have a message and its client not know. */
const losses = {
  'the stream stalls before its first byte': { stallAfterBytes: 0 },
  'the head of the answer is late': { delayMs: 20_000 },
} as const;

describe.each(Object.entries(losses))('a message that was stopped before it was confirmed, when %s', (_, loss) => {
  it.each([true, false])(
    'is shown once when the thread is shown as it is stored (extensions: %s)',
    async (extensions) => {
      const { client, clock, network } = await afterOne({ extensions });
      network.plan(loss);
      const run = client.send('Two');
      await clock.advance(100);
      void client.stop();
      await clock.advance(60_000);
      expect(await run.done).toBe('cancelled');
      // The server was asked once it had heard of the stop.
      expect(messages(client)).toEqual(['One: stored', 'Two: stored']);
      await client.refresh();
      expect(messages(client)).toEqual(['One: stored', 'Two: stored']);
      expect(client.getSnapshot()).toMatchObject({ status: 'idle', error: undefined });
    },
  );
});

describe('a message that may not have arrived', () => {
  it('is shown once, and not as one that failed, when its run is found in progress', async () => {
    const { client, clock, network } = await afterOne();
    network.plan({ stallAfterBytes: 0 });
    client.send('Two');
    await clock.advance(1_000);
    network.offline();
    await clock.advance(120_000);
    expect(messages(client)).toEqual(['One: stored', 'Two: failed']);
    network.online();
    await client.refresh();
    await clock.advance(100);
    expect(messages(client)).toEqual(['One: stored', 'Two: stored']);
    expect(client.getSnapshot()).toMatchObject({ status: 'streaming', error: undefined });
  });

  it('stays, marked, when it has not', async () => {
    for (const extensions of [true, false]) {
      const { client, clock, network, respond } = await afterOne({ extensions });
      network.plan({ respond: () => never<Response>() });
      client.send('Two');
      await clock.advance(100);
      void client.stop();
      await clock.advance(60_000);
      await client.refresh();
      expect(messages(client)).toEqual(['One: stored', 'Two: failed']);
      client.retry();
      await until(client, () => client.getSnapshot().pendingItemIds.size === 0);
      expect(messages(client)).toEqual(['One: stored', 'Two: stored']);
      expect(respond.calls).toHaveLength(2);
    }
  });

  it('is not taken for one that says the same and was there before', async () => {
    for (const extensions of [true, false]) {
      const { client, clock, network } = await afterOne({ extensions }, 'Yes');
      network.plan({ refuse: true });
      client.send('Yes');
      client.detach();
      await clock.advance(60_000);
      await client.refresh();
      expect(messages(client)).toEqual(['Yes: stored', 'Yes: failed']);
    }
  });

  it('is not taken for one that another tab sends at the same moment, in the same words', async () => {
    const { client, other, clock, network } = await afterOne();
    network.plan({ respond: () => never<Response>() });
    client.send('Two');
    other.send('Two');
    await clock.advance(100);
    void client.stop();
    await clock.advance(60_000);
    await client.refresh();
    expect(messages(client)).toEqual(['One: stored', 'Two: stored', 'Two: failed']);
    client.retry();
    await until(client, () => client.getSnapshot().pendingItemIds.size === 0);
    expect(messages(client)).toEqual(['One: stored', 'Two: stored', 'Two: stored']);
  });

  it('is found among those that other tabs send in the same words', async () => {
    const { client, other, clock, network } = await afterOne();
    network.plan({ stallAfterBytes: 0 });
    client.send('Two');
    await clock.advance(100);
    // Neither the stop nor the run is to be had; what is stored is.
    network.plan({ refuse: true }, noSuchRun);
    void client.stop();
    other.send('Two');
    await clock.advance(60_000);
    await client.refresh();
    expect(messages(client)).toEqual(['One: stored', 'Two: stored', 'Two: stored']);
  });

  it('is found by its run, however the server has changed what it says', async () => {
    const { client, clock, network, store } = await afterOne();
    network.plan({ stallAfterBytes: 0 });
    client.send('Two');
    await clock.advance(100);
    const thread = client.getSnapshot().thread?.id ?? '';
    const { data } = await store.listItems(thread, { limit: 100, order: 'asc' }, { userId: 'ada' });
    const stored = data.findLast((item) => item.type === 'user_message');
    if (stored?.type !== 'user_message') throw new Error('The message has not arrived.');
    await store.saveItem(thread, { ...stored, content: [{ type: 'input_text', text: '2' }] }, { userId: 'ada' });
    void client.stop();
    await clock.advance(60_000);
    // What the run has said, and then what is stored.
    expect(messages(client)).toEqual(['One: stored', 'Two: stored']);
    await client.refresh();
    expect(messages(client)).toEqual(['One: stored', '2: stored']);
  });

  it('is found by its run when even the thread is new', async () => {
    const clock = createVirtualClock({ startMs: 1_000_000 });
    const chat = testChat({ respond: scriptedResponder([say('a'), hang()]), clock });
    const client = chat.client({ clock });
    chat.network.plan({ stallAfterBytes: 0 });
    client.send('One');
    await clock.advance(100);
    void client.stop();
    await clock.advance(10_000);
    expect(messages(client)).toEqual(['One: stored']);
    expect(client.getSnapshot()).toMatchObject({
      status: 'idle',
      error: undefined,
      thread: { status: { type: 'active' } },
    });
  });

  it('is not looked for any more when a later one has begun another thread', async () => {
    const clock = createVirtualClock({ startMs: 1_000_000 });
    const chat = testChat({ respond: scriptedResponder([say('a')]), clock });
    const client = chat.client({ clock });
    // The answer is late, and so is that to the stop.
    chat.network.plan({ delayMs: 3_500 }, { respond: () => never<Response>() });
    client.send('One');
    await clock.advance(100);
    void client.stop();
    const run = client.send('Two');
    await clock.advance(60_000);
    expect(await run.done).toBe('completed');
    const { items, thread } = client.getSnapshot();
    expect(items.filter(({ type }) => type !== 'user_message').map(({ thread_id }) => thread_id)).toEqual([thread?.id]);
    expect(messages(client)).toEqual(['Two: stored', 'One: failed']);
    // Its run has made a thread of its own; what is sent again is for the one on the screen.
    client.retry();
    await clock.advance(1_000);
    expect(messages(client)).toEqual(['Two: stored', 'One: stored']);
    expect(client.getSnapshot().error).toBeUndefined();
  });

  it('is found by what it says when the server no longer knows its run', async () => {
    const { client, clock, network } = await afterOne();
    network.plan({ stallAfterBytes: 0 });
    const run = client.send('Two');
    await clock.advance(100);
    network.plan({}, noSuchRun);
    void client.stop();
    await clock.advance(60_000);
    expect(await run.done).toBe('cancelled');
    expect(requestTypes(network).slice(-3)).toEqual(['runs.cancel', 'GET', 'threads.get_by_id']);
    expect(messages(client)).toEqual(['One: stored', 'Two: stored']);
  });

  it('is answered anew, without a flash of what was stopped, when it turns out to have arrived', async () => {
    const { client, clock, network, respond } = await afterOne({ scheduler: atOnce });
    await stopUnseen({ client, clock, network }, 'Two');
    expect(messages(client)).toEqual(['One: stored', 'Two: failed']);
    const shown = new Set<string>();
    client.subscribe(() => {
      const { status, items } = client.getSnapshot();
      shown.add(`${status}: ${items.map(textOf).join(' ')}`);
    });
    const run = client.retry();
    await clock.advance(1_000);
    expect(respond.calls).toHaveLength(3);
    expect(messages(client)).toEqual(['One: stored', 'Two: stored']);
    expect([...shown]).toEqual(['submitting: One a Two', 'streaming: One a Two', 'streaming: One a Two b']);
    expect(requestTypes(network).slice(-2)).toEqual(['threads.add_user_message', 'threads.retry_after_item']);
    void client.stop();
    await clock.advance(1_000);
    expect(await run.done).toBe('cancelled');
    // Its own answer was stopped; the question is not asked again by itself.
    expect(respond.calls).toHaveLength(3);
  });

  it('takes back nothing of what came after it, when it turns out to have arrived', async () => {
    const { client, other, clock, network } = await afterOne({}, 'One', {
      respond: scriptedResponder((_, index) => (index === 1 ? [say('b'), hang()] : [say('a')])),
    });
    network.plan({ stallAfterBytes: 0 });
    client.send('Two');
    await clock.advance(1_000);
    network.offline();
    await clock.advance(120_000);
    expect(messages(client)).toEqual(['One: stored', 'Two: failed']);
    other.send('Three, from another tab');
    await clock.advance(1_000);
    network.online();
    const run = client.retry();
    await clock.advance(1_000);
    expect(await run.done).toBe('completed');
    const all = ['One', 'a', 'Two', 'b', 'Three, from another tab', 'a'];
    expect(texts(client)).toEqual(all);
    await client.refresh();
    expect(texts(client)).toEqual(all);
  });

  it('is answered anew in the conversation that it has begun', async () => {
    const clock = createVirtualClock({ startMs: 1_000_000 });
    const respond = scriptedResponder((_, index) => (index === 0 ? [say('a'), hang()] : [say('b')]));
    const { client: open, network } = testChat({ respond, clock });
    const client = open({ clock, random: () => 0.5, connection: { budgetMs: 60_000 } });
    await stopUnseen({ client, clock, network }, 'One');
    expect(messages(client)).toEqual(['One: failed']);
    const run = client.retry();
    await clock.advance(1_000);
    expect(await run.done).toBe('completed');
    await client.refresh();
    expect(texts(client)).toEqual(['One', 'b']);
    expect((await client.listThreads()).data).toHaveLength(1);
  });

  it('has one answer when it is sent again so late that nobody knows its run any more', async () => {
    const { client, clock, network } = await afterOne({}, 'One', { respond: scriptedResponder([say('a')]) });
    network.plan({ stallAfterBytes: 0 });
    client.send('Two');
    await clock.advance(1_000);
    network.offline();
    await clock.advance(10 * 60_000);
    expect(messages(client)).toEqual(['One: stored', 'Two: failed']);
    network.online();
    const run = client.retry();
    await clock.advance(1_000);
    expect(await run.done).toBe('completed');
    expect(texts(client)).toEqual(['One', 'a', 'Two', 'a']);
    await client.refresh();
    expect(texts(client)).toEqual(['One', 'a', 'Two', 'a']);
  });

  it('has its effects carried out when it is sent again', async () => {
    const onEffect = vi.fn();
    const respond = scriptedResponder([clientEffect('confetti'), say('a')]);
    const { client, clock, network } = await afterOne({ onEffect, scheduler: atOnce }, 'One', { respond });
    network.plan({ loseAnswer: true });
    client.send('Two');
    await clock.advance(10);
    network.offline();
    await clock.advance(120_000);
    network.online();
    expect(onEffect).toHaveBeenCalledTimes(1);
    client.retry();
    await clock.advance(1_000);
    expect(messages(client)).toEqual(['One: stored', 'Two: stored']);
    expect(onEffect).toHaveBeenCalledTimes(2);
  });

  it('says that it is sent again whenever it is, and never else', async () => {
    const { client, clock, network } = await afterOne();
    network.plan({ refuse: true }, { status: 502 });
    client.send('Two');
    await clock.advance(10_000);
    const repeats = network.requests.map(({ headers }) => headers.get('chatkit-repeat'));
    expect(repeats).toEqual([null, null, '1', '1']);
  });

  it('is sent by a run of its own when the first was stopped while it waited', async () => {
    const { client, other, clock } = await afterOne({}, 'One', { busy: 'queue' });
    other.send('From another tab');
    await clock.advance(1_000);
    client.send('Two');
    await clock.advance(100);
    void client.stop();
    await clock.advance(60_000);
    expect(messages(client)).toEqual(['One: stored', 'Two: failed']);
    void other.stop();
    await clock.advance(1_000);
    client.retry();
    await until(client, () => client.getSnapshot().pendingItemIds.size === 0);
    expect(messages(client)).toEqual(['One: stored', 'Two: stored']);
  });
});

describe('a message of a client that has only loaded the thread, and has not learned what the server can do', () => {
  const newcomer = async () => {
    const clock = createVirtualClock({ startMs: 1_000_000 });
    const chat = testChat({ respond: scriptedResponder([say('a')]), clock });
    const more = { clock, random: () => 0.5, connection: { budgetMs: 60_000 } };
    const other = chat.client({ ...more, fetch: chat.direct });
    other.send('One');
    await clock.advance(1_000);
    const client = chat.client({ ...more, extensions: undefined });
    await client.loadThread(other.getSnapshot().thread?.id ?? '');
    return { ...chat, client, other, clock };
  };

  it('is not said to have been answered, when what is new in the thread came from elsewhere', async () => {
    const { client, other, clock, network } = await newcomer();
    other.send('Two');
    await clock.advance(1_000);
    network.plan({ respond: () => never<Response>() });
    const run = client.send('Three');
    await clock.advance(120_000);
    expect(await run.done).toBe('interrupted');
    expect(client.getSnapshot().error?.retryable).toBe(true);
    expect(messages(client)).toEqual(['One: stored', 'Two: stored', 'Three: failed']);
  });

  it('has one answer when it is sent again after its run has been forgotten', async () => {
    const { client, clock, network } = await newcomer();
    network.plan({ loseAnswer: true }, { refuse: true });
    client.send('Two');
    await clock.advance(10 * 60_000);
    expect(messages(client)).toEqual(['One: stored', 'Two: failed']);
    const run = client.retry();
    await clock.advance(1_000);
    expect(await run.done).toBe('completed');
    await client.refresh();
    expect(texts(client)).toEqual(['One', 'a', 'Two', 'a']);
  });
});

describe('a message whose answer has failed', () => {
  it('takes back nothing of what came after it when it is answered anew, and shows it', async () => {
    const { client, other, clock } = await afterOne({}, 'One', {
      respond: scriptedResponder((_, index) => (index === 1 ? [fail(new Error('gone'))] : [say('a')])),
    });
    client.send('Two');
    await clock.advance(1_000);
    expect(client.getSnapshot().error?.retryable).toBe(true);
    await other.refresh();
    other.send('Three, from another machine');
    await clock.advance(1_000);
    const run = client.retry();
    await clock.advance(1_000);
    expect(await run.done).toBe('completed');
    const all = ['One', 'a', 'Two', 'Three, from another machine', 'a'];
    expect(texts(client)).toEqual(all);
    await client.refresh();
    expect(texts(client)).toEqual(all);
  });
});
