import { messageText, type Store, type ThreadStreamEvent } from '@chatkit/core';
import { DefaultChatTransport, readUIMessageStream, type UIMessage, validateUIMessages } from 'ai';
import { expect, test } from 'vitest';
import { createUiMessageHandler, type UiMessageHandlerOptions } from '../src/ui-message/index.ts';
import { ChatPage } from './chat-page.ts';
import {
  hidden,
  message,
  messageOfWholeParts,
  questions,
  type Respond,
  reasoning,
  scriptedServer,
  toolCall,
  widget,
} from './scripted-server.ts';

// The client is the AI SDK's own transport and reader; the server is a real one. Only the wire is short.

const connect = (respond: Respond, options: (store: Store<string>) => UiMessageHandlerOptions<string> = () => ({})) => {
  const { server, store } = scriptedServer(respond);
  const handle = createUiMessageHandler(server, options(store));
  const transport = new DefaultChatTransport({
    api: 'http://chat.invalid/',
    fetch: ((url: unknown, init?: RequestInit) => handle(new Request(String(url), init), 'user')) as typeof fetch,
  });
  const read = async (query: string) => {
    const response = await handle(new Request(`http://chat.invalid/${query}`), 'user');
    return { status: response.status, answer: await response.json() };
  };
  return { transport, store, read };
};

const user = (text: string): UIMessage => ({ id: crypto.randomUUID(), role: 'user', parts: [{ type: 'text', text }] });

/** Sends the conversation, returns every state of the answer. */
const ask = async (
  transport: DefaultChatTransport<UIMessage>,
  messages: UIMessage[],
  abortSignal?: AbortSignal,
  trigger: 'submit-message' | 'regenerate-message' = 'submit-message',
  messageId?: string,
) => {
  const stream = await transport.sendMessages({
    chatId: 'chat_1',
    trigger,
    messageId,
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

test('text that a part begins with, or ends with, arrives', async () => {
  const { transport } = connect(async function* (thread) {
    yield* messageOfWholeParts(thread, 'm1', 'Hello', ', world');
  });
  const { last } = await ask(transport, [user('Hi')]);
  expect(texts(last)).toEqual(['Hello, world']);
});

test('an answer that is asked for again takes the place of the first one; the question is not asked twice', async () => {
  let answers = 0;
  const { transport, store } = connect(async function* (thread) {
    answers += 1;
    yield* message(thread, `m${answers}`, `Answer ${answers}`);
  });
  const question = user('Hi');
  await ask(transport, [question]);
  const { last } = await ask(transport, [question], undefined, 'regenerate-message');
  expect(texts(last)).toEqual(['Answer 2']);
  const [thread] = (await store.listThreads({ limit: 10, order: 'asc' }, 'user')).data;
  const { data } = await store.listItems(thread?.id ?? '', { limit: 10, order: 'asc' }, 'user');
  expect(data.map((item) => item.type)).toEqual(['user_message', 'assistant_message']);
});

/** A conversation of three messages, each answered with all that the model has been told. */
const threeMessages = async () => {
  const { transport, store, read } = connect(
    async function* (thread) {
      const said = (await store.listItems(thread.id, { limit: 100, order: 'asc' }, 'user')).data.flatMap((item) =>
        item.type === 'user_message' ? [messageText(item)] : [],
      );
      yield* message(thread, crypto.randomUUID(), said.join(' '));
    },
    (inner) => ({
      async attach({ mediaType: mime_type, filename: name = '', url: preview_url }, context) {
        await inner.saveAttachment({ type: 'image', id: 'atc_1', name, mime_type, preview_url }, context);
        return 'atc_1';
      },
    }),
  );
  const messages: UIMessage[] = [];
  for (const text of ['one', 'two', 'three']) {
    messages.push(user(text));
    messages.push((await ask(transport, messages)).last as UIMessage);
  }
  const edit = async (history: readonly UIMessage[], at: number, text: string, ...files: UIMessage['parts']) => {
    const edited = { ...history[at], parts: [...files, { type: 'text', text }] } as UIMessage;
    const kept = [...history.slice(0, at), edited];
    return { kept, ...(await ask(transport, kept, undefined, 'submit-message', edited.id)) };
  };
  return { transport, read, messages, edit };
};

test('an edited message takes the place of the one it was; what came after it is taken back', async () => {
  const { transport, read, messages, edit } = await threeMessages();
  const first = await edit(messages, 2, 'zwei');
  expect(texts(first.last)).toEqual(['one zwei']);
  const second = await edit(first.kept, 2, 'dos');
  expect(texts(second.last)).toEqual(['one dos']);
  const again = await ask(transport, second.kept, undefined, 'regenerate-message');
  expect(texts(again.last)).toEqual(['one dos']);
  const next = await ask(transport, [...second.kept, again.last as UIMessage, user('four')]);
  expect(texts(next.last)).toEqual(['one dos four']);
  const { answer } = await read('?id=chat_1');
  expect(answer.flatMap(texts)).toEqual(['one', 'one', 'dos', 'one dos', 'four', 'one dos four']);
});

test('so does one of a page that was loaded again, with a file', async () => {
  const { read, edit } = await threeMessages();
  const { answer } = await read('?id=chat_1');
  expect(texts((await edit(answer, 2, 'zwei', photo)).last)).toEqual(['one zwei']);
  const { answer: after } = await read('?id=chat_1');
  expect(after[2]).toMatchObject({ id: answer[2].id, parts: [{ type: 'file' }, { type: 'text', text: 'zwei' }] });
});

test('of two messages in the same words the one that is meant is answered anew, also by a page that was loaded again', async () => {
  const { transport, read } = await threeMessages();
  await ask(transport, [user('one')]);
  const { answer } = await read('?id=chat_1');
  expect(answer.flatMap(texts).slice(-2)).toEqual(['one', 'one two three one']);
  const again = await ask(transport, [answer[0]], undefined, 'regenerate-message', answer[1].id);
  expect(texts(again.last)).toEqual(['one']);
});

test('an answer that is asked for again in a conversation that nobody knows is an answer', async () => {
  const { transport } = connect(async function* (thread) {
    yield* message(thread, 'm1', 'Here.');
  });
  const { last } = await ask(transport, [user('Hi')], undefined, 'regenerate-message');
  expect(texts(last)).toEqual(['Here.']);
});

test.each([
  ['that failed', { state: 'output-error', errorText: 'No camera.' }, { error: 'No camera.' }],
  ['without output', { state: 'output-available' }, null],
])('a tool of the page %s goes on, too', async (_name, outcome, result) => {
  const { transport, store } = connect(async function* (thread, input) {
    if (input === null) yield* message(thread, 'm1', 'I see.');
    else yield toolCall(thread, 't1');
  });
  const asked = await ask(transport, [user('Hi')]);
  const parts = asked.last?.parts.map((part) => (part.type === 'tool-pick' ? { ...part, ...outcome } : part));
  const { last } = await ask(transport, [user('Hi'), { ...asked.last, parts } as UIMessage]);
  expect(texts(last)).toEqual(['I see.']);
  const [thread] = (await store.listThreads({ limit: 10, order: 'asc' }, 'user')).data;
  expect(await store.loadItem(thread?.id ?? '', 't1', 'user')).toMatchObject({ output: result });
});

test.each([
  ['together', [['call_1', 'call_2']]],
  ['one by one, the later one first', [['call_2'], ['call_1', 'call_2']]],
])('calls side by side have an output each, when they are sent %s', async (_how, requests) => {
  const { transport, store } = connect(async function* (thread, input) {
    if (input === null) yield* message(thread, 'm1', 'Thanks.');
    else {
      yield toolCall(thread, 't1', 'call_1');
      yield toolCall(thread, 't2', 'call_2');
    }
  });
  const asked = await ask(transport, [user('Hi')]);
  let said: string[] = [];
  for (const answered of requests) {
    const parts = asked.last?.parts.map((part) =>
      part.type === 'tool-pick' && answered.includes(part.toolCallId)
        ? { ...part, state: 'output-available', output: { of: part.toolCallId } }
        : part,
    );
    said = texts((await ask(transport, [user('Hi'), { ...asked.last, parts } as UIMessage])).last);
  }
  expect(said).toEqual(['Thanks.']);
  const [thread] = (await store.listThreads({ limit: 10, order: 'asc' }, 'user')).data;
  expect(await store.loadItem(thread?.id ?? '', 't1', 'user')).toMatchObject({ output: { of: 'call_1' } });
  expect(await store.loadItem(thread?.id ?? '', 't2', 'user')).toMatchObject({ output: { of: 'call_2' } });
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

test('a workflow, a task and a widget are seen while they change, as one part each', async () => {
  const { transport } = connect(async function* (thread): AsyncGenerator<ThreadStreamEvent> {
    const about = (id: string) => ({ id, thread_id: thread.id, created_at: new Date().toISOString() });
    const task = (status_indicator: 'loading' | 'complete') =>
      ({ type: 'custom', title: 'Look', status_indicator }) as const;
    const workflow = (...tasks: ReturnType<typeof task>[]) =>
      ({ type: 'workflow', ...about('f1'), workflow: { type: 'custom', tasks, expanded: false } }) as const;
    const card = (text: string) => ({ type: 'Card', children: [{ type: 'Text', value: text }] }) as const;
    yield { type: 'thread.item.added', item: workflow() };
    const update = { task_index: 0, task: task('loading') };
    yield { type: 'thread.item.updated', item_id: 'f1', update: { type: 'workflow.task.added', ...update } };
    yield { type: 'thread.item.done', item: workflow(task('complete')) };
    yield { type: 'thread.item.added', item: { type: 'task', ...about('t1'), task: task('loading') } };
    yield { type: 'thread.item.done', item: { type: 'task', ...about('t1'), task: task('complete') } };
    yield { type: 'thread.item.added', item: { type: 'widget', ...about('w1'), widget: card('1') } };
    yield {
      type: 'thread.item.updated',
      item_id: 'w1',
      update: { type: 'widget.root.updated', widget: card('2') },
    };
    yield { type: 'thread.item.done', item: { type: 'widget', ...about('w1'), widget: card('3') } };
  });
  const { states, last } = await ask(transport, [user('Hi')]);
  const seen = (id: string) =>
    states
      .map((state) => state.parts.find((part) => 'id' in part && part.id === id))
      .flatMap((part) => (part === undefined ? [] : [JSON.stringify(part)]))
      .filter((part, at, all) => part !== all[at - 1]);
  expect(seen('f1')).toEqual([
    expect.stringContaining('"tasks":[]'),
    expect.stringContaining('"loading"'),
    expect.stringContaining('"complete"'),
  ]);
  expect(seen('t1')).toHaveLength(2);
  expect(seen('w1')).toHaveLength(3);
  expect(last?.parts.map(({ type }) => type)).toEqual(['step-start', 'data-workflow', 'data-task', 'data-widget']);
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

const asked = { type: 'tool-structured_input', toolCallId: 'q1' };

test.each([
  [
    'answered',
    { state: 'output-available', output: { status: 'answered', answers: { call_1: { values: ['Approve'] } } } },
    {
      status: 'answered',
      answers: { call_1: { values: ['Approve'], skipped: false }, why: { values: [], skipped: true } },
    },
  ],
  [
    'failed to be answered',
    { state: 'output-error', errorText: 'No form.' },
    {
      status: 'skipped',
      answers: { call_1: { values: [], skipped: true }, why: { values: [], skipped: true } },
    },
  ],
])('questions are a tool of the page; what is %s goes on, also if it is sent twice', async (_how, outcome, output) => {
  let runs = 0;
  const { transport, read } = connect(async function* (thread, input) {
    runs += 1;
    if (input === null) yield* message(thread, 'm1', 'Done.');
    else yield questions(thread, 'q1');
  });
  const { last } = await ask(transport, [user('Hi')]);
  expect(last?.parts).toMatchObject([{ type: 'step-start' }, { ...asked, state: 'input-available' }]);
  expect((await read('?id=chat_1')).answer[1].parts).toEqual(JSON.parse(JSON.stringify(last?.parts)));
  const parts = last?.parts.map((part) => (part.type === 'tool-structured_input' ? { ...part, ...outcome } : part));
  for (const _ of [1, 2]) {
    const goesOn = await ask(transport, [user('Hi'), { ...last, parts } as UIMessage]);
    expect(texts(goesOn.last)).toEqual(['Done.']);
  }
  expect(runs).toBe(2);
  expect((await read('?id=chat_1')).answer[1].parts).toMatchObject([
    { type: 'step-start' },
    { ...asked, state: 'output-available', output },
    { type: 'step-start' },
    { type: 'text', text: 'Done.' },
    { type: 'source-url' },
  ]);
});

test('an error of the server is an error of the stream', async () => {
  const { transport } = connect(async function* (): AsyncGenerator<ThreadStreamEvent> {
    yield { type: 'error', code: 'custom', message: 'Out of credit.', allow_retry: false };
  });
  const { errors } = await ask(transport, [user('Hi')]);
  expect(errors).toMatchObject([{ message: 'Out of credit.' }]);
});

test('a page, which stops reading at an error, has all that comes behind it', async () => {
  const { transport } = connect(async function* (thread) {
    const [added, part, delta, done] = [...message(thread, 'm1', 'Half')] as [
      ThreadStreamEvent,
      ...ThreadStreamEvent[],
    ];
    yield* [added, part, delta].filter((event) => event !== undefined);
    yield { type: 'error', code: 'custom', message: 'Out of credit.', allow_retry: false };
    if (done !== undefined) yield done;
  });
  const page = new ChatPage({ id: 'chat_1', transport, onError() {} });
  await page.sendMessage({ text: 'Hi' });
  expect(page.error?.message).toBe('Out of credit.');
  expect(page.messages.at(-1)?.parts).toMatchObject([
    { type: 'step-start' },
    { type: 'text', text: 'Half', state: 'done' },
    { type: 'source-url' },
  ]);
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

const photo = { type: 'file', mediaType: 'image/png', filename: 'cat.png', url: 'data:image/png;base64,AAAA' } as const;
const withPhoto = (text: string): UIMessage => ({ ...user(text), parts: [photo, { type: 'text', text }] });

test('a file of a message is an attachment, as the application makes it; what is asked for again has it still', async () => {
  const seen: unknown[] = [];
  const { transport } = connect(
    async function* (thread, input) {
      seen.push(input?.attachments.map(({ id, name }) => [id, name]));
      yield* message(thread, `m${seen.length}`, 'Nice.');
    },
    (store) => ({
      async attach({ mediaType: mime_type, filename: name = '', url: preview_url }, context) {
        await store.saveAttachment({ type: 'image', id: 'atc_1', name, mime_type, preview_url }, context);
        return 'atc_1';
      },
    }),
  );
  const asked = withPhoto('What is this?');
  const { last } = await ask(transport, [asked]);
  expect(texts(last)).toEqual(['Nice.']);
  await ask(transport, [asked], undefined, 'regenerate-message');
  await ask(transport, [asked, last as UIMessage, user('And now?')]);
  expect(seen).toEqual([[['atc_1', 'cat.png']], [['atc_1', 'cat.png']], []]);
});

test('of a message only what has a text is text, and only what has an address is a file', async () => {
  const files: unknown[] = [];
  let said: unknown;
  const { transport } = connect(
    async function* (thread, input) {
      said = messageText(input);
      yield* message(thread, 'm1', 'Nice.');
    },
    (store) => ({
      async attach(file, context) {
        files.push(file);
        await store.saveAttachment({ type: 'file', id: 'atc_1', name: '', mime_type: file.mediaType }, context);
        return 'atc_1';
      },
    }),
  );
  const parts: unknown[] = [
    { type: 'text', text: 'Hi' },
    { type: 'reasoning', text: 'no' },
    { type: 'text', text: 1 },
    { type: 'source-url', url: 'no' },
    { type: 'file', mediaType: 'text/plain', filename: 'no' },
    { type: 'file', mediaType: 'text/plain', filename: 1, url: 'data:,x' },
  ];
  await ask(transport, [{ ...user(''), parts: parts as UIMessage['parts'] }]);
  expect(said).toBe('Hi');
  expect(files).toStrictEqual([{ mediaType: 'text/plain', filename: undefined, url: 'data:,x' }]);
});

test('a file that nobody takes is refused, and not left out in silence', async () => {
  const { transport, store } = connect(async function* () {});
  await expect(ask(transport, [withPhoto('What is this?')])).rejects.toThrow('attachment.unsupported');
  expect((await store.listThreads({ limit: 1, order: 'asc' }, 'user')).data).toEqual([]);
});

test('a long history is read, up to the limit', async () => {
  const respond: Respond = async function* (thread) {
    yield* message(thread, crypto.randomUUID(), 'Yes.');
  };
  const said = (length: number) => [user('x'.repeat(length)), user('Are you there?')];
  expect(texts((await ask(connect(respond).transport, said(2_000_000))).last)).toEqual(['Yes.']);
  const { transport } = connect(respond, () => ({ maxBodyBytes: 1_000 }));
  await expect(ask(transport, said(2_000))).rejects.toThrow('request.too_large');
});

test('a page that is loaded again begins with what it had', async () => {
  const { transport, read } = connect(async function* (thread) {
    yield* reasoning(thread, 'r1', 'I think', 'I think so.');
    yield widget(thread, 'w1');
    yield* message(thread, 'm1', 'Hel', 'lo');
    yield hidden(thread);
    yield toolCall(thread, 't1');
  });
  const { last } = await ask(transport, [user('Hi')]);
  const { answer } = await read('?id=chat_1');
  expect(await validateUIMessages({ messages: answer })).toHaveLength(2);
  expect(answer).toMatchObject([{ role: 'user', parts: [{ type: 'text', text: 'Hi' }] }, { role: 'assistant' }]);
  expect(answer[1].parts).toEqual(JSON.parse(JSON.stringify(last?.parts)));
});

test('it goes on with what it had: the output of a tool, and an answer that is asked for again', async () => {
  let answers = 0;
  const { transport, read } = connect(async function* (thread, input) {
    if (input === null) yield* message(thread, `m${++answers}`, `Thanks ${answers}.`);
    else yield toolCall(thread, `t${++answers}`);
  });
  await ask(transport, [user('Hi')]);
  const { answer: before } = await read('?id=chat_1');
  const parts = before[1].parts.map((part: { type: string }) =>
    part.type === 'tool-pick' ? { ...part, state: 'output-available', output: 7 } : part,
  );
  const goesOn = await ask(transport, [before[0], { ...before[1], parts }]);
  expect(texts(goesOn.last)).toEqual(['Thanks 2.']);
  const { answer: after } = await read('?id=chat_1');
  expect(after[1].parts).toMatchObject([
    { type: 'step-start' },
    { type: 'tool-pick', state: 'output-available', output: 7 },
    { type: 'step-start' },
    { type: 'text', text: 'Thanks 2.' },
    { type: 'source-url' },
  ]);
  const again = await ask(transport, [after[0]], undefined, 'regenerate-message');
  expect(again.last?.parts).toMatchObject([{ type: 'step-start' }, { type: 'tool-pick', state: 'input-available' }]);
});

test('a page with `resume` is told that nothing goes on', async () => {
  const { transport } = connect(async function* () {});
  expect(await transport.reconnectToStream({ chatId: 'chat_1' })).toBe(null);
});

test('of a conversation that nobody knows nothing was said; a GET without an id is refused', async () => {
  const { read } = connect(async function* () {});
  expect(await read('?id=chat_1')).toEqual({ status: 200, answer: [] });
  expect(await read('')).toMatchObject({ status: 400, answer: { error: { code: 'request.invalid' } } });
});

test('a message has the id and the metadata, while it streams and in a page that is loaded again', async () => {
  const asked: string[][] = [];
  const { transport, read } = connect(
    async function* (thread, input) {
      if (input === null) {
        yield* message(thread, 'm2', 'Thanks.');
        return;
      }
      yield* reasoning(thread, 'r1', 'I think so.');
      yield* message(thread, 'm1', 'Hel', 'lo');
      yield hidden(thread);
      yield toolCall(thread, 't1');
    },
    () => ({
      async messageMetadata(items, context) {
        asked.push(items.map(({ id }) => id));
        return { of: context, count: items.length, [`${items[0]?.type}`]: true };
      },
    }),
  );
  const first = await ask(transport, [user('Hi')]);
  expect(new Set(first.states.map(({ id }) => id))).toEqual(new Set(['r1']));
  expect(first.states.at(1)?.metadata).toEqual({ of: 'user', count: 1, workflow: true });
  expect(first.last?.metadata).toEqual({ of: 'user', count: 3, workflow: true });
  expect(asked).toEqual([['r1'], ['r1', 'm1', 't1']]);
  const parts = first.last?.parts.map((part) =>
    part.type === 'tool-pick' ? { ...part, state: 'output-available', output: 7 } : part,
  );
  const answered = { ...first.last, parts } as UIMessage;
  const goesOn = await ask(transport, [user('Hi'), answered]);
  // Without the message that it goes on with, the reader has a message of its own.
  expect(goesOn.last?.metadata).toEqual({ of: 'user', count: 4, workflow: true });
  expect(asked.at(-1)).toEqual(['r1', 'm1', 't1', 'm2']);
  const { answer } = await read('?id=chat_1');
  expect(answer).toMatchObject([
    { role: 'user', metadata: { of: 'user', count: 1, user_message: true } },
    { role: 'assistant', id: 'r1', metadata: { of: 'user', count: 4, workflow: true } },
  ]);
});

test.each([
  ['stop', []],
  ['tool-calls', [toolCall]],
])('an answer ends with the reason %s', async (finishReason, calls) => {
  const { transport } = connect(async function* (thread) {
    yield* message(thread, 'm1', 'Hello');
    for (const call of calls) yield call(thread, 't1');
  });
  const stream = await transport.sendMessages({
    chatId: 'chat_1',
    trigger: 'submit-message',
    messageId: undefined,
    messages: [user('Hi')],
    abortSignal: undefined,
  });
  let last: unknown;
  for await (const chunk of stream) last = chunk;
  expect(last).toMatchObject({ type: 'finish', finishReason });
});
