import {
  assistantMessage,
  clientEffect,
  itemAdded,
  itemDone,
  partAdded,
  type ThreadMetadata,
  type ThreadStreamEvent,
  textDelta,
  type UserMessageItem,
  workflowItem,
} from '@chatkit/core';
import { createChatKitServer } from '@chatkit/server';
import { createMemoryLease, createMemoryLog, createMemoryStore } from '@chatkit/store/memory';
import { createVirtualClock } from '@chatkit/testing';
import { encodeSse } from '@chatkit/transport';
import { DefaultChatTransport, lastAssistantMessageIsCompleteWithToolCalls, type UIMessage } from 'ai';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { createUiMessageHandler, type UiMessageHandlerOptions } from '../src/ui-message/index.ts';
import { ChatPage } from './chat-page.ts';
import { toolCall } from './scripted-server.ts';

// The pages are the AI SDK's own `AbstractChat` and transport, the server is a real one, and time is moved by hand.

const graceMs = 5_000;

interface Answering {
  readonly thread: ThreadMetadata;
  readonly input: UserMessageItem | null;
  readonly signal: AbortSignal;
  /** Waits until the test lets the answer go on, or the run is stopped. */
  pause(): Promise<void>;
}

/** "Hel", a pause, "lo". */
async function* hello({ thread, pause, signal }: Answering): AsyncGenerator<ThreadStreamEvent> {
  const item = assistantMessage({ thread_id: thread.id });
  yield itemAdded(item);
  yield partAdded(item.id, {}, 0);
  yield textDelta(item.id, 'Hel');
  await pause();
  if (signal.aborted) return;
  yield textDelta(item.id, 'lo');
  yield itemDone(assistantMessage({ id: item.id, thread_id: thread.id, text: 'Hello' }));
}

const worldOf = (
  answer: (answering: Answering) => AsyncIterable<ThreadStreamEvent> = hello,
  options: UiMessageHandlerOptions<string> & { maxConnectionMs?: number } = {},
) => {
  const clock = createVirtualClock();
  const shared = {
    store: createMemoryStore<string>(),
    log: createMemoryLog(),
    lease: createMemoryLease({ ttlMs: 1_000, clock }),
    clock,
  };
  const runs = { begun: 0, stopped: 0, ended: 0 };
  let goOn = () => {};
  const errors: unknown[] = [];
  let machines = 0;
  const machine = () => {
    machines += 1;
    const server = createChatKitServer<string>({
      ...shared,
      maxConnectionMs: options.maxConnectionMs,
      onError: (error) => errors.push(error),
      async *respond(thread, input, _user, { signal }) {
        runs.begun += 1;
        signal.addEventListener('abort', () => (runs.stopped += 1));
        const pause = () =>
          new Promise<void>((resolve) => {
            goOn = resolve;
            signal.addEventListener('abort', () => resolve());
          });
        try {
          yield* answer({ thread, input, signal, pause });
        } finally {
          runs.ended += 1;
        }
      },
    });
    onTestFinished(() => passing(server.close({ graceMs: 0 })));
    return createUiMessageHandler(server, { userOf: (user) => user, graceMs, clock, ...options });
  };

  /** Lets time pass until the work is done, or the condition is met. */
  const passing = async <T>(work: Promise<T>): Promise<T> => {
    let done = false;
    const marked = work.finally(() => (done = true));
    marked.catch(() => {});
    while (!done) await clock.advance(10);
    return marked;
  };
  /** Waits for a condition. No time passes, unless machines have to ask each other. */
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await clock.advance(machines > 1 ? 10 : 0);
  };

  /** A load of the page: asks for the history, then for what is in progress. */
  const open = async (
    handle: ReturnType<typeof machine>,
    {
      user = 'ada',
      chat = 'chat_1',
      ...init
    }: { user?: string; chat?: string } & Partial<ConstructorParameters<typeof ChatPage>[0]> = {},
  ) => {
    let network = new AbortController();
    const loseNetwork = () => {
      network.abort(new TypeError('network error'));
      network = new AbortController();
    };
    const send = (url: string, request: RequestInit = {}, to = handle) => {
      const signal = AbortSignal.any([network.signal, ...(request.signal ? [request.signal] : [])]);
      return to(new Request(url, { ...request, signal }), user);
    };
    const get = async (path: string) => send(`http://chat.invalid/api/chat${path}`);
    const messages = (await (await get(`?id=${encodeURIComponent(chat)}`)).json()) as UIMessage[];
    const page = new ChatPage({
      id: chat,
      messages,
      transport: new DefaultChatTransport({
        api: 'http://chat.invalid/api/chat',
        fetch: (async (url: string, request: RequestInit) => {
          const { signal } = network;
          return overNetwork(await send(url, request), signal);
        }) as typeof fetch,
      }),
      onError() {},
      ...init,
    });
    const json = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };
    const post = (path: string, to = handle) => send(`http://chat.invalid/api/chat${path}`, json, to);
    return {
      page,
      get,
      text: () => textOf(page.messages.at(-1)),
      send: (text: string) => page.sendMessage({ text }),
      ask: (text: string) => void page.sendMessage({ text }),
      resume: () => void page.resumeStream(),
      /** What the AI SDK's guide tells a page's stop button to do. */
      stop: async () => {
        const stopping = post(`/${encodeURIComponent(chat)}/stop`);
        await page.stop();
        return stopping;
      },
      post,
      loseNetwork,
      /** The page is closed: to the server that is the same. */
      leave: loseNetwork,
    };
  };
  const reload = async (handle: ReturnType<typeof machine>, options: Parameters<typeof open>[1] = {}) => {
    const opened = await open(handle, options);
    opened.resume();
    return opened;
  };
  return { machine, open, reload, clock, passing, until, runs, errors, goOn: () => goOn(), store: shared.store };
};

/** A response whose body breaks off, as in a browser, when the network is lost. */
const overNetwork = (response: Response, lost: AbortSignal): Response => {
  if (response.body === null) return response;
  const reader = response.body.getReader();
  const broken = new Promise<never>((_, reject) => {
    lost.addEventListener('abort', () => reject(lost.reason));
  });
  broken.catch(() => {});
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await Promise.race([reader.read(), broken]);
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return new Response(body, response);
};

const textOf = (message: UIMessage | undefined): string =>
  message?.role !== 'assistant'
    ? ''
    : message.parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('|');

/** Of the answer, without what only the page knows: the id of the question. */
const answers = (messages: readonly UIMessage[]) => messages.filter(({ role }) => role === 'assistant');

test('a page that is loaded again in the middle of an answer shows the rest live, and ends with the same message', async () => {
  const messageMetadata = (items: readonly { id: string }[]) => ({ first: items[0]?.id, count: items.length });
  const { machine, open, reload, until, runs, goOn, errors } = worldOf(hello, { messageMetadata });
  const handle = machine();
  const before = await open(handle);
  before.ask('Hi');
  await until(() => before.text() === 'Hel');
  const beside = await reload(handle);
  await until(() => beside.text() === 'Hel');
  before.leave();
  const after = await reload(handle);
  await until(() => after.text() === 'Hel');
  expect(after.page.status).toBe('streaming');
  goOn();
  await until(() => after.page.status === 'ready' && beside.page.status === 'ready');
  expect(after.text()).toBe('Hello');
  expect(after.page.messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
  expect(after.page.shown()).toEqual(beside.page.shown());
  expect((await open(handle)).page.shown()).toEqual(after.page.shown());
  expect(runs).toMatchObject({ begun: 1, stopped: 0 });
  expect(errors).toEqual([]);
});

test('a page that lost its network in the middle of an answer has it whole, also if it has ended meanwhile', async () => {
  const { machine, open, until, runs, goOn } = worldOf();
  const handle = machine();
  const page = await open(handle);
  const sent = page.send('Hi');
  await until(() => page.text() === 'Hel');
  const id = page.page.messages.at(-1)?.id;
  page.loseNetwork();
  await sent;
  expect(page.page.error?.message).toBe('network error');
  goOn();
  await until(() => runs.ended === 1);
  page.resume();
  await until(() => page.page.status === 'ready');
  expect(page.text()).toBe('Hello');
  expect(page.page.messages.map((message) => message.id)).toEqual([page.page.messages[0]?.id, id]);
  // Nobody has missed anything any more.
  expect((await page.get('/chat_1/stream')).status).toBe(204);
});

test('a run that nobody comes back to is stopped after the grace period, and what was said is kept', async () => {
  const { machine, open, until, clock, runs } = worldOf();
  const handle = machine();
  const page = await open(handle);
  page.ask('Hi');
  await until(() => page.text() === 'Hel');
  page.leave();
  await clock.advance(graceMs - 100);
  expect(runs.stopped).toBe(0);
  await clock.advance(200);
  expect(runs.stopped).toBe(1);
  const after = await open(handle);
  expect(after.text()).toBe('Hel');
  await after.page.resumeStream();
  expect(after.text()).toBe('Hel');
  expect(after.page.messages).toHaveLength(2);
});

test('without a grace period it is stopped at once; a page beside it keeps it going', async () => {
  const { machine, open, reload, until, runs } = worldOf(hello, { graceMs: undefined });
  const handle = machine();
  const page = await open(handle);
  page.ask('Hi');
  await until(() => page.text() === 'Hel');
  const beside = await reload(handle);
  await until(() => beside.text() === 'Hel');
  page.leave();
  await until(() => page.page.status === 'error');
  expect(runs.stopped).toBe(0);
  beside.leave();
  await until(() => runs.stopped === 1);
});

test('a stop after a resume stops the model at once, and every page', async () => {
  const { machine, open, reload, until, runs } = worldOf();
  const handle = machine();
  const page = await open(handle);
  page.ask('Hi');
  await until(() => page.text() === 'Hel');
  page.leave();
  const after = await reload(handle);
  const beside = await reload(handle);
  await until(() => after.text() === 'Hel' && beside.text() === 'Hel');
  const stopped = after.stop();
  await until(() => beside.page.status === 'ready');
  expect((await stopped).status).toBe(204);
  expect(runs.stopped).toBe(1);
  expect(after.page.status).toBe('ready');
  expect(beside.text()).toBe('Hel');
  const later = await reload(handle);
  await until(() => later.page.status === 'ready');
  expect(later.text()).toBe('Hel');
});

test('a stop that only disconnects stops the model after the grace period', async () => {
  const { machine, open, reload, until, clock, runs } = worldOf();
  const handle = machine();
  const page = await open(handle);
  page.ask('Hi');
  await until(() => page.text() === 'Hel');
  page.leave();
  const after = await reload(handle);
  await until(() => after.text() === 'Hel');
  await after.page.stop();
  await clock.advance(graceMs + 100);
  expect(runs.stopped).toBe(1);
});

test('the next message does not wait for the grace period of a stopped answer', async () => {
  const { machine, open, until, runs, goOn } = worldOf();
  const page = await open(machine());
  page.ask('Hi');
  await until(() => page.text() === 'Hel');
  await page.page.stop();
  page.ask('Again');
  await until(() => runs.begun === 2 && page.text() === 'Hel');
  goOn();
  await until(() => page.page.status === 'ready');
  expect(page.text()).toBe('Hello');
  expect(runs).toMatchObject({ begun: 2, stopped: 1 });
});

test('another machine resumes and stops as well, and keeps a run going', async () => {
  const long = 60_000;
  const { machine, open, reload, until, clock, runs, goOn, errors } = worldOf(hello, { graceMs: long });
  const first = machine();
  const second = machine();
  const page = await open(first);
  page.ask('Hi');
  await until(() => page.text() === 'Hel');
  page.leave();
  const after = await reload(second);
  await until(() => after.text() === 'Hel');
  await clock.advance(2 * long);
  expect(runs.stopped).toBe(0);
  goOn();
  await until(() => after.page.status === 'ready');
  expect(after.text()).toBe('Hello');
  after.ask('Again');
  await until(() => after.text() === 'Hel');
  const stopped = page.post('/chat_1/stop', first);
  await until(() => after.page.status === 'ready');
  expect((await stopped).status).toBe(204);
  expect(runs.stopped).toBe(1);
  expect(errors).toEqual([]);
});

test('so it is with an answer that is asked for again', async () => {
  const long = 60_000;
  const { machine, open, reload, until, clock, runs, goOn } = worldOf(hello, { graceMs: long });
  const page = await open(machine());
  page.ask('Hi');
  await until(() => page.text() === 'Hel');
  goOn();
  await until(() => page.page.status === 'ready');
  void page.page.regenerate();
  await until(() => page.page.status === 'streaming' && page.text() === 'Hel');
  page.leave();
  const after = await reload(machine());
  await until(() => after.text() === 'Hel');
  await clock.advance(2 * long);
  expect(runs).toMatchObject({ begun: 2, stopped: 0 });
  goOn();
  await until(() => after.page.status === 'ready');
  expect(after.text()).toBe('Hello');
  expect(after.page.messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
});

test('nobody else is told of a chat, or can stop it', async () => {
  const { machine, open, until, runs, goOn } = worldOf();
  const handle = machine();
  const page = await open(handle);
  page.ask('Hi');
  await until(() => page.text() === 'Hel');
  const other = await open(handle, { user: 'eve' });
  const answer = async (response: Response) => [response.status, [...response.headers], await response.text()];
  for (const path of ['/chat_1', '/unknown']) {
    expect(await answer(await other.get(`${path}/stream`))).toEqual([204, [['cache-control', 'no-store']], '']);
    expect(await answer(await other.post(`${path}/stop`))).toEqual([204, [['cache-control', 'no-store']], '']);
  }
  expect(runs.stopped).toBe(0);
  goOn();
  await until(() => page.page.status === 'ready');
  expect(page.text()).toBe('Hello');
});

test('a stream that is silent says so, so that no proxy cuts it', async () => {
  const { machine, open, until, clock } = worldOf();
  const page = await open(machine());
  page.ask('Hi');
  await until(() => page.text() === 'Hel');
  const response = await page.get('/chat_1/stream');
  let told = '';
  void (async () => {
    for await (const chunk of response.body ?? []) told += new TextDecoder().decode(chunk);
  })().catch(() => {});
  await until(() => told.includes('Hel'));
  const comment = encodeSse({ comment: '' });
  expect(told.startsWith(comment)).toBe(true);
  const length = told.length;
  await clock.advance(15_000);
  expect(told.slice(length)).toBe(comment);
  page.leave();
});

test('a stop without JSON, as a form of another site could send it, is refused', async () => {
  const { machine, open, until, runs } = worldOf();
  const handle = machine();
  const page = await open(handle);
  page.ask('Hi');
  await until(() => page.text() === 'Hel');
  const request = new Request('http://chat.invalid/api/chat/chat_1/stop', { method: 'POST', body: 'a=b' });
  expect((await handle(request, 'ada')).status).toBe(415);
  expect(runs.stopped).toBe(0);
});

test.each(['a/b?c#d', 'ü %41', 'stream', '..a'])('a chat may have any id: %s', async (chat) => {
  const { machine, open, reload, until, goOn } = worldOf();
  const handle = machine();
  const page = await open(handle, { chat });
  page.ask('Hi');
  await until(() => page.text() === 'Hel');
  page.leave();
  const after = await reload(handle, { chat });
  await until(() => after.text() === 'Hel');
  goOn();
  await until(() => after.page.status === 'ready');
  expect(after.text()).toBe('Hello');
});

test('an answer that goes on after a tool of the page keeps what was said before; the tool does not run again', async () => {
  const { machine, open, reload, until, goOn } = worldOf(async function* ({ thread, input, ...answering }) {
    if (input === null) return yield* hello({ thread, input, ...answering });
    yield itemDone(assistantMessage({ thread_id: thread.id, text: 'Let me see.' }));
    yield toolCall(thread, 't1');
  });
  const handle = machine();
  const called: string[] = [];
  const page = (): Partial<ConstructorParameters<typeof ChatPage>[0]> => ({
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls,
    onToolCall: ({ toolCall: { toolCallId } }) => void called.push(toolCallId),
  });
  const before = await open(handle, page());
  const beside = await open(handle, page());
  before.ask('Hi');
  await until(() => called.length === 1 && before.page.status === 'ready');
  await before.page.addToolOutput({ tool: 'pick', toolCallId: 'call_1', output: { picked: 1 } });
  await until(() => before.text() === 'Let me see.|Hel');
  // It has asked for the history before the answer began.
  beside.resume();
  const after = await reload(handle, page());
  await until(() => beside.text() === 'Let me see.|Hel' && after.text() === 'Let me see.|Hel');
  goOn();
  await until(() => [before, beside, after].every(({ page }) => page.status === 'ready'));
  expect(before.text()).toBe('Let me see.|Hello');
  expect(answers(after.page.shown())).toEqual(answers(before.page.shown()));
  expect(beside.page.shown()).toEqual(answers(before.page.shown()));
  expect(called).toEqual(['call_1']);
});

test('effects that have happened do not happen again', async () => {
  const { machine, open, reload, until, goOn } = worldOf(async function* (answering) {
    yield clientEffect('before');
    yield* hello(answering);
    yield clientEffect('after');
  });
  const handle = machine();
  const effects: unknown[] = [];
  const onData = (part: { type: string; data: unknown }) => {
    if (part.type === 'data-effect') effects.push((part.data as { name: string }).name);
  };
  const page = await open(handle, { onData });
  page.ask('Hi');
  await until(() => page.text() === 'Hel');
  page.leave();
  const after = await reload(handle, { onData });
  await until(() => after.text() === 'Hel');
  goOn();
  await until(() => after.page.status === 'ready');
  expect(effects).toEqual(['before', 'after']);
});

test('a connection of the server that is handed over is one answer to the page', async () => {
  const { machine, open, reload, until, clock, goOn } = worldOf(hello, { maxConnectionMs: 1_000 });
  const handle = machine();
  const page = await open(handle);
  page.ask('Hi');
  await until(() => page.text() === 'Hel');
  page.leave();
  const after = await reload(handle);
  await until(() => after.text() === 'Hel');
  await clock.advance(5_000);
  goOn();
  await until(() => after.page.status === 'ready');
  expect(after.text()).toBe('Hello');
});

test('the history has the id that the answer will have, while its first item is still being written', async () => {
  const { machine, open, reload, until, goOn } = worldOf(async function* ({ thread, pause }) {
    const workflow = workflowItem({ thread_id: thread.id });
    yield itemAdded(workflow);
    yield itemDone(assistantMessage({ thread_id: thread.id, text: 'Meanwhile.' }));
    await pause();
    yield itemDone(workflow);
  });
  const handle = machine();
  const live = await open(handle);
  live.ask('Hi');
  await until(() => live.text() === 'Meanwhile.');
  const after = await open(handle);
  expect(after.page.messages.at(-1)?.id).toBe(live.page.messages.at(-1)?.id);
  const resumed = await reload(handle);
  await until(() => resumed.page.status === 'streaming');
  goOn();
  await until(() => resumed.page.status === 'ready' && live.page.status === 'ready');
  expect(answers(resumed.page.shown())).toEqual(answers(live.page.shown()));
});

/** What may happen to the pages of one chat, in any order. */
const steps = fc.array(
  fc.oneof(
    fc.record({ type: fc.constantFrom('load' as const, 'ask' as const, 'go on' as const) }),
    fc.record({ type: fc.constantFrom('leave' as const, 'stop' as const, 'lose' as const), page: fc.nat(4) }),
    fc.record({ type: fc.constant('pass' as const), ms: fc.constantFrom(100, graceMs) }),
  ),
  { minLength: 3, maxLength: 14 },
);

test('whatever happens to its pages: a page that stays shows what is stored, nothing twice, and no run is left behind', async () => {
  const seen = { resumed: 0, stopped: 0 };
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const { machine, open, reload, until, clock, goOn, runs, errors } = worldOf();
      const handle = machine();
      const pages = [await open(handle)];
      const quiet = () => clock.advance(0);
      for (const step of list) {
        const last = pages.at(-1) as (typeof pages)[number];
        const page = 'page' in step ? pages[step.page % pages.length] : undefined;
        if (step.type === 'load') pages.push(await reload(handle));
        else if (step.type === 'ask' && last.page.status === 'ready') {
          last.ask(`question ${runs.begun}`);
          await until(() => last.page.status === 'streaming' && last.text() === 'Hel');
        } else if (step.type === 'go on') goOn();
        else if (step.type === 'pass') await clock.advance(step.ms);
        else if (step.type === 'stop') await page?.stop();
        else if (step.type === 'leave') page?.leave();
        else if (step.type === 'lose') {
          page?.loseNetwork();
          await quiet();
          if (page?.page.status === 'error') page.resume();
        }
        await quiet();
      }
      const end = await open(handle);
      let isOver = false;
      void end.page.resumeStream().finally(() => {
        isOver = true;
      });
      while (!isOver) {
        goOn();
        await quiet();
      }
      const shown = end.page.shown();
      expect(shown).toEqual((await open(handle)).page.shown());
      expect(new Set(shown.map(({ id }) => id)).size).toBe(shown.length);
      for (const message of answers(shown)) expect(['Hel', 'Hello']).toContain(textOf(message as UIMessage));
      for (const page of pages) page.leave();
      await clock.advance(2 * graceMs);
      expect(runs.ended).toBe(runs.begun);
      expect(errors).toEqual([]);
      seen.resumed += pages.length - 1;
      seen.stopped += runs.stopped;
    }),
    {
      numRuns: Number(process.env['CHATKIT_RUNS'] ?? 40),
      examples: [[[{ type: 'ask' }, { type: 'load' }, { type: 'stop', page: 1 }]]],
    },
  );
  expect(seen.resumed).toBeGreaterThan(0);
  expect(seen.stopped).toBeGreaterThan(0);
});
