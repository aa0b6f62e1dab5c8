// Threads, and single answers, that the server lists in several pages of 100 items each.
import { HttpAgent } from '@ag-ui/client';
import { assistantMessage, itemDone, type ThreadItem, type ThreadStreamEvent } from '@chatkit/core';
import { DefaultChatTransport, type UIMessage } from 'ai';
import { describe, expect, test } from 'vitest';
import { createAgUiHandler } from '../src/ag-ui/index.ts';
import { createUiMessageHandler } from '../src/ui-message/index.ts';
import { ChatPage } from './chat-page.ts';
import { type Respond, scriptedServer, toolCall, widget } from './scripted-server.ts';

const connect = (respond: Respond) => {
  const { server, store } = scriptedServer(respond);
  const handle = createUiMessageHandler(server);
  const history = async () =>
    (await (await handle(new Request('http://chat.invalid/?id=chat_1'), 'user')).json()) as UIMessage[];
  const fetch = ((url: string, init?: RequestInit) => handle(new Request(url, init), 'user')) as never;
  const transport = new DefaultChatTransport({ api: 'http://chat.invalid/', fetch });
  const open = async () => new ChatPage({ id: 'chat_1', messages: await history(), transport, onError() {} });
  const items = async (): Promise<ThreadItem[]> => {
    const [thread] = (await store.listThreads({ limit: 1, order: 'asc' }, 'user')).data;
    return (await store.listItems(thread?.id ?? '', { limit: 10_000, order: 'asc' }, 'user')).data;
  };
  return { server, history, open, items };
};

/** An answer of so many items. */
function* answerOf(threadId: string, count: number, name: string): Generator<ThreadStreamEvent> {
  for (let at = 0; at < count; at += 1) {
    yield itemDone(assistantMessage({ thread_id: threadId, text: `${name}.${at}` }));
  }
}

const textsOf = (message: UIMessage | undefined): string[] =>
  message?.parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])) ?? [];

/** The question is an item, too. */
const counts = [99, 100, 101, 200];

describe.each(counts)('an answer of %i items', (count) => {
  test('is one message of a history, whole and in order', async () => {
    const { open, history } = connect(async function* (thread, input) {
      yield* answerOf(thread.id, input?.content[0]?.text === 'more' ? 3 : count, input?.content[0]?.text ?? '');
    });
    const page = await open();
    await page.sendMessage({ text: 'much' });
    await page.sendMessage({ text: 'more' });
    const loaded = await history();
    expect(loaded.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant']);
    expect(textsOf(loaded[1])).toEqual(Array.from({ length: count }, (_, at) => `much.${at}`));
    expect(textsOf(loaded[3])).toEqual(['more.0', 'more.1', 'more.2']);
    expect(loaded.map(({ id }) => id).slice(1, 2)).toEqual([page.messages[1]?.id]);
  });

  test('is answered again as a whole, also by a page that was loaded again', async () => {
    let answers = 0;
    const { open, items } = connect(async function* (thread) {
      answers += 1;
      yield* answerOf(thread.id, count, `${answers}`);
    });
    const page = await open();
    await page.sendMessage({ text: 'Hi' });
    await page.regenerate();
    expect(textsOf(page.messages.at(-1))).toEqual(Array.from({ length: count }, (_, at) => `2.${at}`));
    const later = await open();
    await later.regenerate();
    expect(textsOf(later.messages.at(-1))).toEqual(Array.from({ length: count }, (_, at) => `3.${at}`));
    expect(await items()).toHaveLength(count + 1);
  });

  test('has tools of the page at its beginning and end: their outputs arrive, and it goes on once', async () => {
    let goneOn = 0;
    const { open, items } = connect(async function* (thread, input) {
      if (input === null) {
        goneOn += 1;
        yield itemDone(assistantMessage({ thread_id: thread.id, text: 'Thanks.' }));
        return;
      }
      yield toolCall(thread, 't1', 'call_1');
      yield* answerOf(thread.id, count - 2, 'a');
      yield toolCall(thread, 't2', 'call_2');
    });
    const page = await open();
    await page.sendMessage({ text: 'Hi' });
    for (const toolCallId of ['call_1', 'call_2'])
      await page.addToolOutput({ tool: 'pick' as never, toolCallId, output: { of: toolCallId } as never });
    await page.sendMessage();
    expect(textsOf(page.messages.at(-1)).at(-1)).toBe('Thanks.');
    const stored = await items();
    expect(stored.find(({ id }) => id === 't1')).toMatchObject({ status: 'completed', output: { of: 'call_1' } });
    expect(stored.find(({ id }) => id === 't2')).toMatchObject({ status: 'completed', output: { of: 'call_2' } });
    expect(goneOn).toBe(1);
  });
});

test('150 calls side by side have an output each, and the answer goes on once', async () => {
  const ids = Array.from({ length: 150 }, (_, at) => `call_${at}`);
  let goneOn = 0;
  const { open, items, history } = connect(async function* (thread, input) {
    if (input === null) {
      goneOn += 1;
      yield itemDone(assistantMessage({ thread_id: thread.id, text: 'Thanks.' }));
    } else for (const id of ids) yield toolCall(thread, `item of ${id}`, id);
  });
  const page = await open();
  await page.sendMessage({ text: 'Hi' });
  for (const toolCallId of ids)
    await page.addToolOutput({ tool: 'pick' as never, toolCallId, output: { of: toolCallId } as never });
  await page.sendMessage();
  expect(goneOn).toBe(1);
  const outputs = (await items()).flatMap((item) => (item.type === 'client_tool_call' ? [item.output] : []));
  expect(outputs).toEqual(ids.map((of) => ({ of })));
  expect(textsOf(page.messages.at(-1))).toEqual(['Thanks.']);
  expect((await history()).map(({ parts }) => parts.length)).toEqual([1, page.messages[1]?.parts.length]);
});

test('outputs come back in AG-UI, too, when the call is more than a page ago', async () => {
  const { server, items } = connect(async function* (thread, input) {
    if (input === null) yield itemDone(assistantMessage({ thread_id: thread.id, text: 'Thanks.' }));
    else {
      yield toolCall(thread, 't1');
      for (let at = 0; at < 150; at += 1) yield widget(thread, `w${at}`);
    }
  });
  const handle = createAgUiHandler(server);
  const fetch = ((url: unknown, init?: RequestInit) => handle(new Request(String(url), init), 'user')) as never;
  const agent = new HttpAgent({ url: 'http://agent.invalid/', fetch });
  agent.addMessage({ id: 'm1', role: 'user', content: 'Hi' });
  await agent.runAgent();
  agent.addMessage({ id: 'result', role: 'tool', toolCallId: 'call_1', content: '{"picked":1}' });
  await agent.runAgent();
  expect(agent.messages.at(-1)).toMatchObject({ content: 'Thanks.' });
  expect((await items()).find(({ id }) => id === 't1')).toMatchObject({ output: { picked: 1 } });
});

describe.each(['a page that stayed', 'a page that was loaded again'])('by %s', (which) => {
  /** Three questions in the same words, with 60 items to each. */
  const threeTimes = async () => {
    let answers = 0;
    const { open, items } = connect(async function* (thread) {
      answers += 1;
      yield* answerOf(thread.id, 60, `${answers}`);
    });
    const first = await open();
    for (let time = 0; time < 3; time += 1) await first.sendMessage({ text: 'yes' });
    return { page: which === 'a page that stayed' ? first : await open(), items };
  };

  test('of messages in the same words the one that is meant is answered again, however long ago', async () => {
    const { page, items } = await threeTimes();
    await page.regenerate({ messageId: page.messages[1]?.id as string });
    expect(textsOf(page.messages.at(-1))[0]).toBe('4.0');
    expect(await items()).toHaveLength(61);
  });

  test('one that is edited is answered in its place, however long ago', async () => {
    const { page, items } = await threeTimes();
    await page.sendMessage({ text: 'no', messageId: page.messages[0]?.id as string });
    const stored = await items();
    expect(stored).toHaveLength(61);
    expect(stored[0]).toMatchObject({ content: [{ text: 'no' }] });
  });
});
