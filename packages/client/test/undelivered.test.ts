// What a user says to an item of the assistant's (an action, answers, the output of a tool), and what does not reach the server.
import {
  assistantMessage,
  clientToolCall,
  itemDone,
  itemReplaced,
  structuredInputItem,
  widgetItem,
} from '@chatkit/core';
import { createVirtualClock, type NetworkPlan } from '@chatkit/testing';
import { describe, expect, it } from 'vitest';
import type { ChatClient, ChatClientOptions, ChatRun } from '../src/index.ts';
import { requestTypes, testChat, textOf } from './support/chat.ts';

const unauthorized: NetworkPlan = { status: 401 };

/** A chat whose first answer is a widget, a call and a question, and that counts what it is asked to do. */
const asking = async (options: Partial<ChatClientOptions> = {}) => {
  const clock = createVirtualClock({ startMs: 1_000_000 });
  const asked: string[] = [];
  const card = (thread_id: string, title: string) =>
    widgetItem({ thread_id, id: 'w1', created_at: '2026-01-01T00:00:00Z', widget: { type: 'Card', title } as never });
  const chat = testChat({
    clock,
    async *respond({ id: thread_id }, input) {
      asked.push(input === null ? 'go on' : textOf(input));
      if (input === null) return yield itemDone(assistantMessage({ thread_id, text: 'went on' }));
      const question = { type: 'freeform' as const, id: 'colour', question: 'Which colour?' };
      yield itemDone(card(thread_id, 'Book?'));
      yield itemDone(structuredInputItem({ thread_id, id: 'q1', inputs: [question] }));
      yield itemDone(clientToolCall({ thread_id, id: 'c1', call_id: 'c1', name: 'pick', arguments: {} }));
    },
    async *action({ id: thread_id }, { type }) {
      asked.push(type);
      yield itemReplaced(card(thread_id, 'Booked'));
    },
  });
  const client = chat.client({ clock, random: () => 0.5, connection: { budgetMs: 60_000 }, ...options });
  client.send('Hi');
  await clock.advance(1_000);
  return { ...chat, client, clock, asked };
};

const said: readonly [string, (client: ChatClient) => ChatRun, string, string][] = [
  ['an action', (client) => client.sendAction({ type: 'book' }, 'w1'), 'book', 'threads.custom_action'],
  [
    'an answer',
    (client) => client.sendStructuredInput('q1', { answers: { colour: { values: ['red'], skipped: false } } }),
    'go on',
    'threads.add_structured_input',
  ],
  ['an output', (client) => client.addToolOutput('red', 'c1'), 'go on', 'threads.add_client_tool_output'],
];

describe.each(said)('%s', (_, say, does, type) => {
  it.each([
    ['was refused', async ({ network }: Asking) => network.plan(unauthorized)],
    ['did not get out', async ({ network }: Asking) => network.offline()],
  ])('that %s is sent by retry, and the answer that it is about stays', async (_, fail) => {
    const chat = await asking();
    const { client, clock, network, asked } = chat;
    await fail(chat);
    const run = say(client);
    await clock.advance(120_000);
    expect(await run.done).not.toBe('completed');
    const before = client.getSnapshot();
    expect(before).toMatchObject({ status: 'idle', error: { retryable: true } });
    expect(before.items.map(({ type }) => type)).toEqual([
      'user_message',
      'widget',
      'structured_input',
      'client_tool_call',
    ]);

    network.online();
    const again = client.retry();
    await clock.advance(1_000);
    expect(await again.done).toBe('completed');
    expect(client.getSnapshot()).toMatchObject({ status: 'idle', error: undefined });
    expect(requestTypes(network).at(-1)).toBe(type);
    expect(asked).toEqual(['Hi', does]);
    expect(client.getSnapshot().items.map(({ id }) => id)).toEqual(expect.arrayContaining(['w1', 'q1', 'c1']));
  });
});

type Asking = Awaited<ReturnType<typeof asking>>;

it('the output of a tool of the page is sent by retry, and the tool does not run again', async () => {
  const ran: string[] = [];
  let pick = () => {};
  const { client, clock, network, asked } = await asking({
    onClientTool({ name }) {
      ran.push(name);
      return new Promise((resolve) => {
        pick = () => resolve('red');
      });
    },
  });
  network.offline();
  pick();
  await clock.advance(120_000);
  expect(client.getSnapshot().error).toMatchObject({ retryable: true });
  network.online();
  // A look at the thread, in which the call still waits, does not run it again either.
  await client.refresh();
  expect(client.getSnapshot().error).toMatchObject({ retryable: true });
  client.retry();
  await clock.advance(1_000);
  expect(requestTypes(network).at(-1)).toBe('threads.add_client_tool_output');
  expect([ran, asked]).toEqual([['pick'], ['Hi', 'go on']]);
  expect(client.getSnapshot()).toMatchObject({ status: 'idle', error: undefined });
});

it.each([
  ['are refused', { status: 401 } as const],
  ['do not get out', 'offline' as const],
])('the outputs of two tools that %s are both sent by retry, and no tool runs again', async (_, failure) => {
  const clock = createVirtualClock({ startMs: 1_000_000 });
  const ran: string[] = [];
  const asked: string[] = [];
  const chat = testChat({
    clock,
    async *respond({ id: thread_id }, input) {
      asked.push(input === null ? 'go on' : textOf(input));
      if (input === null) return yield itemDone(assistantMessage({ thread_id, text: 'went on' }));
      for (const id of ['c1', 'c2'])
        yield itemDone(clientToolCall({ thread_id, id, call_id: id, name: id, arguments: {} }));
    },
  });
  const client = chat.client({
    clock,
    random: () => 0.5,
    connection: { budgetMs: 60_000 },
    async onClientTool({ name }) {
      ran.push(name);
      await clock.sleep(10);
      if (failure === 'offline') chat.network.offline();
      return `out ${name}`;
    },
  });
  client.send('Hi');
  await clock.advance(5);
  if (failure !== 'offline') chat.network.plan(failure);
  await clock.advance(300_000);
  expect(client.getSnapshot()).toMatchObject({ status: 'idle', error: { retryable: true } });

  chat.network.online();
  const again = client.retry();
  await clock.advance(1_000);
  expect(await again.done).toBe('completed');
  expect([ran, asked]).toEqual([
    ['c1', 'c2'],
    ['Hi', 'go on'],
  ]);
  expect(client.getSnapshot().items.map((item) => ('output' in item ? item.output : textOf(item)))).toEqual([
    'Hi',
    'out c1',
    'out c2',
    'went on',
  ]);
});

it('what was carried out, and whose answer was lost, is not carried out again', async () => {
  const { client, clock, network, asked } = await asking();
  network.plan({ loseAnswer: true });
  client.sendAction({ type: 'book' }, 'w1');
  await clock.advance(10);
  network.offline();
  await clock.advance(120_000);
  expect(client.getSnapshot().error).toMatchObject({ retryable: true });
  network.online();
  const again = client.retry();
  await clock.advance(1_000);
  expect(await again.done).toBe('completed');
  expect(asked).toEqual(['Hi', 'book']);
  expect(client.getSnapshot().items[1]).toMatchObject({ widget: { title: 'Booked' } });
});

it('what was not carried out is still to be retried when the thread has been looked at', async () => {
  const { client, clock, network, asked } = await asking();
  network.offline();
  client.sendAction({ type: 'book' }, 'w1');
  await clock.advance(120_000);
  network.online();
  await client.refresh();
  expect(client.getSnapshot().error).toMatchObject({ retryable: true });
  client.retry();
  await clock.advance(1_000);
  expect(asked).toEqual(['Hi', 'book']);
});
