import { HttpAgent } from '@ag-ui/client';
import type { ThreadStreamEvent } from '@chatkit/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createAgUiHandler } from '../src/ag-ui/index.ts';
import {
  message,
  messageOfWholeParts,
  questions,
  type Respond,
  reasoning,
  scriptedServer,
  toolCall,
  widget,
} from './scripted-server.ts';

// The client is `HttpAgent` of `@ag-ui/client` with its own verifier; the server is a real one. Only the wire is short.

const connect = (respond: Respond) => {
  const { server, store } = scriptedServer(respond);
  const handle = createAgUiHandler(server);
  const fetch = (url: unknown, init?: RequestInit) => handle(new Request(String(url), init), 'user');
  return { agent: new HttpAgent({ url: 'http://agent.invalid/', fetch: fetch as never }), handle, store };
};

const ask = (agent: HttpAgent, text: string) => {
  agent.addMessage({ id: crypto.randomUUID(), role: 'user', content: text });
  return agent.runAgent();
};

test('a message streams, and is what the client holds at the end', async () => {
  const deltas: string[] = [];
  const { agent } = connect(async function* (thread) {
    yield { type: 'progress_update', text: 'Thinking…' };
    yield* message(thread, 'm1', 'Hel', 'lo');
  });
  const custom: string[] = [];
  agent.subscribe({
    onTextMessageContentEvent: ({ event }) => {
      deltas.push(event.delta);
    },
    onCustomEvent: ({ event }) => {
      custom.push(event.name);
    },
  });
  await ask(agent, 'Hi');
  expect(deltas).toEqual(['Hel', 'lo']);
  expect(agent.messages.at(-1)).toMatchObject({ id: 'm1', role: 'assistant', content: 'Hello' });
  expect(custom).toEqual(['thread.created', 'progress_update', 'annotations']);
});

test('text that a part begins with, or ends with, arrives', async () => {
  const { agent } = connect(async function* (thread) {
    yield* messageOfWholeParts(thread, 'm1', 'Hello', ', world');
  });
  await ask(agent, 'Hi');
  expect(agent.messages.at(-1)).toMatchObject({ id: 'm1', role: 'assistant', content: 'Hello, world' });
});

test('a client tool call that is announced first is a tool call, and no activity', async () => {
  const { agent } = connect(async function* (thread): AsyncGenerator<ThreadStreamEvent> {
    const done = toolCall(thread, 't1');
    if (done.type === 'thread.item.done') yield { type: 'thread.item.added', item: done.item };
    yield done;
  });
  const events: string[] = [];
  agent.subscribe({
    onEvent: ({ event }) => {
      if (event.type !== 'CUSTOM') events.push(event.type);
    },
  });
  await ask(agent, 'Hi');
  expect(events).toEqual(['RUN_STARTED', 'TOOL_CALL_START', 'TOOL_CALL_ARGS', 'TOOL_CALL_END', 'RUN_FINISHED']);
});

test('a conversation is one thread, whatever its id is in AG-UI', async () => {
  const seen: (string | undefined)[] = [];
  const { agent, store } = connect(async function* (thread, input) {
    const [part] = input?.content ?? [];
    seen.push(part?.text);
    yield* message(thread, `m${seen.length}`, 'ok');
  });
  await ask(agent, 'one');
  await ask(agent, 'two');
  expect(seen).toEqual(['one', 'two']);
  const { data } = await store.listThreads({ limit: 10, order: 'asc' }, 'user');
  expect(data).toHaveLength(1);
});

test('a deleted thread is followed by a new one', async () => {
  const { agent, store } = connect(async function* (thread) {
    yield* message(thread, `m_${thread.id}`, 'ok');
  });
  await ask(agent, 'one');
  const [first] = (await store.listThreads({ limit: 1, order: 'asc' }, 'user')).data;
  await store.deleteThread(first?.id ?? '', 'user');
  await ask(agent, 'two');
  const { data } = await store.listThreads({ limit: 10, order: 'asc' }, 'user');
  expect(data).toHaveLength(1);
  const items = await store.listItems(data[0]?.id ?? '', { limit: 10, order: 'asc' }, 'user');
  expect(items.data).toMatchObject([{ content: [{ text: 'two' }] }, { content: [{ text: 'ok' }] }]);
});

test('reasoning, widgets and an error reach the client in their own form', async () => {
  const { agent } = connect(async function* (thread): AsyncGenerator<ThreadStreamEvent> {
    yield* reasoning(thread, 'r1', 'I think', 'I think so.');
    yield widget(thread, 'w1');
    yield { type: 'error', code: 'custom', message: 'Out of credit.', allow_retry: false };
  });
  const events: string[] = [];
  const failures: string[] = [];
  agent.subscribe({
    onEvent: ({ event }) => {
      events.push(event.type);
    },
    onRunErrorEvent: ({ event }) => {
      failures.push(event.message);
    },
  });
  await ask(agent, 'Hi').catch(() => {});
  expect(failures).toEqual(['Out of credit.']);
  expect(events.filter((type) => type !== 'CUSTOM')).toEqual([
    'RUN_STARTED',
    'REASONING_START',
    'REASONING_MESSAGE_START',
    'REASONING_MESSAGE_CONTENT',
    'REASONING_MESSAGE_CONTENT',
    'REASONING_MESSAGE_END',
    'REASONING_END',
    'ACTIVITY_SNAPSHOT',
    'RUN_ERROR',
  ]);
});

test('an activity is what its item is, however late that changes', async () => {
  const change = fc.record({ how: fc.constantFrom('updated', 'replaced'), text: fc.string() });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), fc.boolean(), async (changes, inTwoTurns) => {
      let turn = 0;
      const cardOf = (text: string) => ({ type: 'Card', children: [{ type: 'Text', value: text }] }) as const;
      const { agent } = connect(async function* (thread): AsyncGenerator<ThreadStreamEvent> {
        const done = widget(thread, 'w1');
        if (turn++ === 0) yield done;
        if (turn === 1 && inTwoTurns) return;
        for (const [at, { how, text }] of changes.entries()) {
          const card = cardOf(text);
          // An update says nothing of an item that this run has not shown.
          if (how === 'updated' && !(inTwoTurns && at === 0))
            yield { type: 'thread.item.updated', item_id: 'w1', update: { type: 'widget.root.updated', widget: card } };
          else if (done.type === 'thread.item.done' && done.item.type === 'widget')
            yield { type: 'thread.item.replaced', item: { ...done.item, widget: card } };
        }
      });
      await ask(agent, 'Hi');
      if (inTwoTurns) await ask(agent, 'And now?');
      const shown = agent.messages.filter(({ role }) => role === 'activity');
      expect(shown).toMatchObject([{ id: 'w1', content: { widget: cardOf(changes.at(-1)?.text ?? '') } }]);
    }),
    { numRuns: 20 },
  );
});

test('questions are a tool of the client, and its result are the answers', async () => {
  const { agent, store } = connect(async function* (thread, input) {
    if (input === null) yield* message(thread, 'm1', 'Done.');
    else yield questions(thread, 'q1');
  });
  await ask(agent, 'Hi');
  const calls = agent.messages.flatMap((each) => (each.role === 'assistant' ? (each.toolCalls ?? []) : []));
  expect(calls).toMatchObject([{ id: 'q1', function: { name: 'structured_input' } }]);
  expect(JSON.parse(calls[0]?.function.arguments ?? '').inputs).toMatchObject([{ id: 'call_1' }, { id: 'why' }]);
  const content = JSON.stringify({ status: 'answered', answers: { why: { values: ['It is old.'] } } });
  agent.addMessage({ id: 'result', role: 'tool', toolCallId: 'q1', content });
  await agent.runAgent();
  expect(agent.messages.at(-1)).toMatchObject({ role: 'assistant', content: 'Done.' });
  const [thread] = (await store.listThreads({ limit: 1, order: 'asc' }, 'user')).data;
  expect(await store.loadItem(thread?.id ?? '', 'q1', 'user')).toMatchObject({
    status: 'answered',
    inputs: [{ answer: { skipped: true } }, { answer: { values: ['It is old.'], skipped: false } }],
  });
});

test('a tool call of the client is asked for, and its result goes on', async () => {
  const { agent, store } = connect(async function* (thread, input) {
    if (input === null) yield* message(thread, 'm1', 'Thanks.');
    else yield toolCall(thread, 't1');
  });
  await ask(agent, 'Hi');
  const calls = agent.messages.flatMap((each) => (each.role === 'assistant' ? (each.toolCalls ?? []) : []));
  expect(calls).toMatchObject([{ id: 'call_1', function: { name: 'pick', arguments: '{"from":"here"}' } }]);
  agent.addMessage({ id: 'result', role: 'tool', toolCallId: 'call_1', content: '{"picked":1}' });
  await agent.runAgent();
  expect(agent.messages.at(-1)).toMatchObject({ content: 'Thanks.' });
  const [thread] = (await store.listThreads({ limit: 1, order: 'asc' }, 'user')).data;
  expect(await store.loadItem(thread?.id ?? '', 't1', 'user')).toMatchObject({ output: { picked: 1 } });
});

test('calls side by side have an output each', async () => {
  const { agent, store } = connect(async function* (thread, input) {
    if (input === null) yield* message(thread, 'm1', 'Thanks.');
    else {
      yield toolCall(thread, 't1', 'call_1');
      yield toolCall(thread, 't2', 'call_2');
    }
  });
  await ask(agent, 'Hi');
  agent.addMessage({ id: 'result 1', role: 'tool', toolCallId: 'call_1', content: '1' });
  agent.addMessage({ id: 'result 2', role: 'tool', toolCallId: 'call_2', content: '2' });
  await agent.runAgent();
  expect(agent.messages.at(-1)).toMatchObject({ content: 'Thanks.' });
  const [thread] = (await store.listThreads({ limit: 1, order: 'asc' }, 'user')).data;
  expect(await store.loadItem(thread?.id ?? '', 't1', 'user')).toMatchObject({ output: 1 });
  expect(await store.loadItem(thread?.id ?? '', 't2', 'user')).toMatchObject({ output: 2 });
});

test('a message that fails half-way is closed before the error', async () => {
  const { agent } = connect(async function* (thread) {
    for (const event of message(thread, 'm1', 'Half')) {
      if (event.type === 'thread.item.done') throw new Error('boom');
      yield event;
    }
  });
  const events: string[] = [];
  agent.subscribe({
    onEvent: ({ event }) => {
      events.push(event.type);
    },
  });
  await ask(agent, 'Hi').catch(() => {});
  expect(events.slice(-2)).toEqual(['TEXT_MESSAGE_END', 'RUN_ERROR']);
});

test('aborting the run stops the generator', async () => {
  let stopped = false;
  let onStarted = () => {};
  const started = new Promise<void>((resolve) => {
    onStarted = resolve;
  });
  const { agent } = connect(async function* (thread, _input, run) {
    try {
      const [added, part, delta] = [...message(thread, 'm1', 'Half')];
      yield* [added, part, delta].filter((event) => event !== undefined);
      onStarted();
      await new Promise((resolve) => run.signal.addEventListener('abort', resolve));
    } finally {
      stopped = true;
    }
  });
  const running = ask(agent, 'Hi').catch(() => {});
  await started;
  agent.abortRun();
  await running;
  await expect.poll(() => stopped).toBe(true);
});

describe('what cannot be read is refused', () => {
  const { handle } = connect(async function* () {});
  const post = (body: string, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
    handle(new Request('http://agent.invalid/', { method: 'POST', body, headers }), 'user');
  test.each([
    ['no JSON', () => post('{'), 400, 'request.invalid_json'],
    ['another type', () => post('{}', { 'content-type': 'text/plain' }), 415, 'request.unsupported_media_type'],
    ['a body too large', () => post(`"${'x'.repeat(2 ** 23)}"`), 413, 'request.too_large'],
    ['nothing said', () => post('{"threadId":"t","runId":"r","messages":[]}'), 400, 'request.invalid'],
    ['no ids', () => post('null'), 400, 'request.invalid'],
    ['a GET', () => handle(new Request('http://agent.invalid/'), 'user'), 405, 'request.method_not_allowed'],
  ])('%s', async (_name, send, status, code) => {
    const response = await send();
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { code, retryable: false } });
  });
});
