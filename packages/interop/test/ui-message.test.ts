import type { ThreadStreamEvent } from '@chatkit/core';
import { DefaultChatTransport, readUIMessageStream, type UIMessage } from 'ai';
import { expect, test } from 'vitest';
import { createUiMessageHandler } from '../src/ui-message/index.ts';
import { message, type Respond, reasoning, scriptedServer, toolCall, widget } from './scripted-server.ts';

// The client is the AI SDK's own transport and reader; the server is a real one. Only the wire is short.

const connect = (respond: Respond) => {
  const { server, store } = scriptedServer(respond);
  const handle = createUiMessageHandler(server);
  const transport = new DefaultChatTransport({
    api: 'http://chat.invalid/',
    fetch: ((url: unknown, init?: RequestInit) => handle(new Request(String(url), init), 'user')) as typeof fetch,
  });
  return { transport, store };
};

const user = (text: string): UIMessage => ({ id: crypto.randomUUID(), role: 'user', parts: [{ type: 'text', text }] });

/** Sends the conversation, returns every state of the answer. */
const ask = async (transport: DefaultChatTransport<UIMessage>, messages: UIMessage[], abortSignal?: AbortSignal) => {
  const stream = await transport.sendMessages({
    chatId: 'chat_1',
    trigger: 'submit-message',
    messageId: undefined,
    messages,
    abortSignal,
  });
  const states: UIMessage[] = [];
  const errors: unknown[] = [];
  for await (const state of readUIMessageStream({ stream, onError: (error) => errors.push(error) })) {
    states.push(structuredClone(state));
  }
  return { last: states.at(-1), states, errors };
};

const texts = (message: UIMessage | undefined) =>
  message?.parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])) ?? [];

test('text grows delta by delta, and keeps its sources', async () => {
  const { transport } = connect(async function* (thread) {
    yield* message(thread, 'm1', 'Hel', 'lo');
  });
  const { states, last } = await ask(transport, [user('Hi')]);
  expect(states.map((state) => texts(state).join(''))).toEqual(expect.arrayContaining(['Hel', 'Hello']));
  expect(last?.parts).toContainEqual(
    expect.objectContaining({ type: 'source-url', url: 'https://a.example/', title: 'A' }),
  );
});

test('reasoning, a widget and a client tool call are parts', async () => {
  const { transport } = connect(async function* (thread) {
    yield* reasoning(thread, 'r1', 'I think', 'I think so.');
    yield widget(thread, 'w1');
    yield toolCall(thread, 't1');
  });
  const { last } = await ask(transport, [user('Hi')]);
  expect(last?.parts).toMatchObject([
    { type: 'step-start' },
    { type: 'reasoning', text: 'I think so.' },
    { type: 'data-widget', id: 'w1' },
    { type: 'tool-pick', state: 'input-available', toolCallId: 'call_1', input: { from: 'here' } },
  ]);
});

test('a conversation is one thread; the output of a tool goes on in it', async () => {
  const { transport, store } = connect(async function* (thread, input) {
    if (input === null) yield* message(thread, 'm1', 'Thanks.');
    else yield toolCall(thread, 't1');
  });
  const asked = await ask(transport, [user('Hi')]);
  const answered = {
    ...asked.last,
    parts: asked.last?.parts.map((part) =>
      part.type === 'tool-pick' ? { ...part, state: 'output-available', output: { picked: 1 } } : part,
    ),
  } as UIMessage;
  const { last } = await ask(transport, [user('Hi'), answered]);
  expect(texts(last)).toEqual(['Thanks.']);
  const { data } = await store.listThreads({ limit: 10, order: 'asc' }, 'user');
  expect(data).toHaveLength(1);
  expect(await store.loadItem(data[0]?.id ?? '', 't1', 'user')).toMatchObject({ output: { picked: 1 } });
});

test('an error of the server is an error of the stream', async () => {
  const { transport } = connect(async function* (): AsyncGenerator<ThreadStreamEvent> {
    yield { type: 'error', code: 'custom', message: 'Out of credit.', allow_retry: false };
  });
  const { errors } = await ask(transport, [user('Hi')]);
  expect(errors).toMatchObject([{ message: 'Out of credit.' }]);
});

test('aborting stops the generator', async () => {
  let stopped = false;
  let onStarted = () => {};
  const started = new Promise<void>((resolve) => {
    onStarted = resolve;
  });
  const { transport } = connect(async function* (thread, _input, run) {
    try {
      yield* [...message(thread, 'm1', 'Half')].slice(0, 3);
      onStarted();
      await new Promise((resolve) => run.signal.addEventListener('abort', resolve));
    } finally {
      stopped = true;
    }
  });
  const stop = new AbortController();
  const asking = ask(transport, [user('Hi')], stop.signal).catch(() => {});
  await started;
  stop.abort();
  await asking;
  await expect.poll(() => stopped).toBe(true);
});
