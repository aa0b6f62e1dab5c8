// What a newcomer gets wrong, and what they are told: what was given, what is meant, what to write.
import { once } from 'node:events';
import { createServer } from 'node:http';
import {
  assistantMessage,
  itemAdded,
  progressUpdate,
  type Thread,
  type ThreadMetadata,
  textDelta,
} from '@chatkit/core';
import { createMemoryLog, createMemoryStore } from '@chatkit/store/memory';
import { describe, expect, test } from 'vitest';
import {
  ChatKitServer,
  type ChatKitServerOptions,
  type CreateChatKitServerOptions,
  createChatKitServer,
} from '../src/index.ts';
import { toNodeHandler } from '../src/node/index.ts';
import { ada, add, create, shown, testServer, textOf, type User } from './support.ts';

const textType = 'assistant_message.content_part.text_delta';

/** As in a file without types. */
const untyped = (options: object) => () =>
  createChatKitServer<User>({
    store: createMemoryStore<User>(),
    async *respond() {},
    ...options,
  } as CreateChatKitServerOptions<User>);

describe('options that no server can be made of', () => {
  test.each<[name: string, options: object, message: string]>([
    [
      'no store',
      { store: undefined },
      'store must be a store, not undefined. For a start: `store: createMemoryStore()`',
    ],
    ['a Map', { store: new Map() }, 'store must be a store, not an instance of Map.'],
    ['a store that was not made', { store: createMemoryStore }, 'not the function createMemoryStore. Call it'],
    ['a promise of a store', { store: Promise.resolve() }, 'not a promise. Await it first.'],
    [
      'no respond',
      { respond: undefined },
      'respond must be a function, `async *respond(thread, input) { … }`, not undefined.',
    ],
    ['an unknown policy', { busy: 'wait' }, "busy must be 'interrupt', 'queue' or 'reject', not the text \"wait\"."],
    ['one origin', { allowedOrigins: 'https://a.test' }, 'allowedOrigins must be a list'],
    ['any origin', { allowedOrigins: ['*'] }, 'There is no wildcard'],
    ['a slash too many', { allowedOrigins: ['https://a.test/'] }, 'without a trailing slash'],
    ['a port that browsers leave out', { allowedOrigins: ['https://a.test:443'] }, 'which is not an origin'],
    ['capitals', { allowedOrigins: ['https://A.test'] }, 'which is not an origin'],
    ['a host with its port', { allowedHosts: ['localhost:3000'] }, 'without scheme and port'],
    ['a text for a time', { heartbeatMs: '15s' }, 'heartbeatMs must be a number, not the text "15s".'],
    ['less than nothing', { cancelGraceMs: -1 }, 'cancelGraceMs must be a number'],
    ['a deadline that is none', { deadlines: { idleMs: Number.NaN } }, 'deadlines.idleMs must be a number'],
    ['no answer to a stop', { deadlines: 5 }, 'deadlines must be an object with the keys firstEventMs, idleMs'],
    ['an unknown deadline', { deadlines: { total: 5 } }, 'deadlines.total is not an option. Did you mean totalMs?'],
    [
      'an unknown policy for a client that leaves',
      { disconnect: { resumable: 'detach' } },
      "disconnect.resumable must be 'cancel', 'continue' or { graceMs }, not the text \"detach\".",
    ],
    ['a grace without end', { disconnect: { plain: { graceMs: '5' } } }, 'disconnect.plain.graceMs must be a number'],
    ['one policy for all', { disconnect: 'cancel' }, 'disconnect must be an object with the keys plain, resumable'],
    ['an unknown remedy', { partialOnError: 'delete' }, "partialOnError must be 'keep' or 'remove', not the text"],
    ['no number', { retain: { ms: Number.NaN } }, 'retain.ms must be a number, not the number NaN.'],
    ['a heartbeat at every moment', { heartbeatMs: 0 }, 'heartbeatMs must be more than 0.'],
    ['the same for plain clients', { plainHeartbeatMs: 0 }, 'plainHeartbeatMs must be more than 0.'],
    [
      'a log that is none',
      { log: 5 },
      'log must be an object with the methods create, append, read, delete, not the number 5.',
    ],
    ['a log that was not made', { log: createMemoryLog }, 'not the function createMemoryLog. Call it'],
    ['an empty lease', { lease: {} }, 'lease must be an object with the methods acquire, renew, release'],
    ['a clock that does not run', { clock: {} }, 'clock must be an object with the methods now, setTimeout'],
    ['files without a store', { attachmentStore: 3 }, 'attachmentStore must be an object with the methods'],
    ['a number for a handler', { onError: 7 }, 'onError must be a function, not the number 7.'],
    ['a number for a function', { userOf: 5 }, 'userOf must be a function, not the number 5.'],
    ['a text for a function', { contextOf: 'x' }, 'contextOf must be a function, not the text "x".'],
    ['a time for a function', { now: 0 }, 'now must be a function, not the number 0.'],
    ['a hook that is none', { action: 'x' }, 'action must be a function, not the text "x".'],
    [
      'a misspelt option',
      { allowedOrigin: ['https://a.test'] },
      'allowedOrigin is not an option. Did you mean allowedOrigins?',
    ],
    ['a misspelt hook', { onAction() {} }, 'onAction is not an option. Did you mean action?'],
    ['letters in another order', { onErorr() {} }, 'Did you mean onError?'],
    ['an option of nobody', { zzz: 1 }, 'zzz is not an option. There are '],
  ])('%s', (_name, options, message) => {
    expect(untyped(options)).toThrow(TypeError);
    expect(untyped(options)).toThrow(message);
  });

  test.each<[options: object]>([
    [
      {
        allowedOrigins: [
          'https://a.test',
          'http://localhost:5173',
          'http://[::1]:3000',
          'null',
          'capacitor://localhost',
        ],
      },
    ],
    [{ allowedHosts: ['localhost', '127.0.0.1', '[::1]', 'chat.internal'] }],
    [{ maxConnectionMs: Number.POSITIVE_INFINITY, deadlines: { firstEventMs: 0 }, heartbeatMs: undefined }],
    [
      {
        disconnect: { plain: { graceMs: 5 }, resumable: undefined },
        retain: {},
        log: createMemoryLog(),
        lease: undefined,
        onError: undefined,
        syncAction: undefined,
      },
    ],
  ])('%j is fine', (options) => {
    expect(untyped(options)).not.toThrow();
  });

  test('a class checks the values too, and leaves the options of a subclass alone', () => {
    class Assistant extends ChatKitServer<User> {
      override async *respond() {}
    }
    const made = (options: object) => () => new Assistant(options as ChatKitServerOptions<User>);
    expect(made({ store: createMemoryStore(), model: 'small', respond: 1 })).not.toThrow();
    expect(made({ store: createMemoryStore(), log: 5 })).toThrow('log must be an object with the methods');
    expect(made(undefined as never)).toThrow('store must be a store, not undefined.');
  });

  test('a handler for Node needs a server', () => {
    expect(() => toNodeHandler((() => {}) as never)).toThrow('toNodeHandler() takes a server');
  });
});

async function* words(): AsyncGenerator<string> {
  yield 'hi';
}

describe('what respond() returns and yields', () => {
  const returned: [name: string, value: unknown, message: string][] = [
    ['nothing', undefined, 'not undefined. Write `async *respond()` and `yield` the events.'],
    ['a promise', Promise.resolve(words()), 'not a promise. Write `async *respond()`, with the `*`'],
    ['an array', [progressUpdate('x')], 'not an array.'],
  ];
  test.each(returned)('returns %s', async (_name, value, message) => {
    const { events, errors } = testServer({ respond: () => value as never });
    expect((await events(create('hi'))).at(-1)).toMatchObject({ type: 'error', code: 'stream.error' });
    expect(errors).toEqual([expect.objectContaining({ message: expect.stringContaining(message) })]);
  });

  const yielded: [name: string, make: (thread: ThreadMetadata) => unknown, message: string][] = [
    [
      'text',
      () => 'Hello',
      'yielded the text "Hello", which is not an event. For text write `yield* streamTextResponse(',
    ],
    ['nothing', () => undefined, 'yielded undefined, which is not an event. An event is an object with a `type`'],
    ['a stream', () => words(), 'yielded a stream, which is not an event. Write `yield*`'],
    ['an item', ({ id }) => assistantMessage({ thread_id: id, text: 'x' }), 'Write `yield itemDone(item)`.'],
    [
      'an event without its item',
      () => ({ type: 'thread.item.done' }),
      'thread.item.done needs an item with an id and a type, not undefined',
    ],
    [
      'an event that holds a BigInt',
      () => ({ type: 'client_effect', name: 'x', data: { n: 5n } }),
      'An event of type client_effect cannot be written as JSON: ',
    ],
    [
      'an event that holds a function',
      () => ({ type: 'client_effect', name: 'x', data: { f() {} } }),
      'An event of type client_effect cannot be written as JSON: ',
    ],
    [
      'an update without its update',
      () => ({ type: 'thread.item.updated', item_id: 'a' }),
      'thread.item.updated needs an update with a type, not undefined',
    ],
    [
      'an item without an id',
      () => ({ type: 'thread.item.added', item: { type: 'widget' } }),
      'not an object of type "widget"',
    ],
  ];
  test.each(yielded)('yields %s', async (_name, make, message) => {
    const { events, errors } = testServer({
      async *respond(thread) {
        yield make(thread) as never;
      },
    });
    expect((await events(create('hi'))).at(-1)).toMatchObject({ type: 'error', code: 'stream.error' });
    expect(errors).toEqual([expect.objectContaining({ message: expect.stringContaining(message) })]);
  });

  test('yields an event of an unknown type: it is passed on, and reported once', async () => {
    const types = ['thread.item.dnoe', 'constructor', 'thread.item.dnoe'];
    const { events, errors } = testServer({
      async *respond() {
        for (const type of types) yield { type, from: 'a newer peer' } as never;
      },
    });
    for (let run = 0; run < 2; run += 1) {
      const seen = await events(create('hi'));
      expect(seen.slice(-types.length)).toEqual(types.map((type) => ({ type, from: 'a newer peer' })));
    }
    expect(errors.map(String)).toEqual([
      expect.stringContaining('yielded an event of the unknown type "thread.item.dnoe". It is passed on'),
      expect.stringContaining('"constructor"'),
    ]);
  });

  test('yields an update of an unknown type: it is passed on, clients ignore it, and it is reported once', async () => {
    const update = { type: 'assistant_message.content_part.text_dleta', content_index: 0, delta: 'Hello' };
    const { events, errors } = testServer({
      async *respond(thread) {
        yield itemAdded(assistantMessage({ thread_id: thread.id, id: 'a' }));
        yield { type: 'thread.item.updated', item_id: 'a', update } as never;
        yield textDelta('a', 'Hi');
        yield { type: 'thread.item.updated', item_id: 'a', update } as never;
        yield { type: 'thread.item.updated', item_id: 'a', update: { type: 'toString' } } as never;
      },
    });
    for (let run = 0; run < 2; run += 1) {
      const seen = await events(create('hi'));
      expect(seen.filter((event) => 'update' in event && event.update.type !== textType)).toEqual(
        [update, update, { type: 'toString' }].map((each) => ({
          type: 'thread.item.updated',
          item_id: 'a',
          update: each,
        })),
      );
      expect(shown(seen).map(textOf)).toEqual(['hi', 'Hi']);
    }
    expect(errors.map(String)).toEqual([
      expect.stringContaining(
        'yielded an update of the unknown type "assistant_message.content_part.text_dleta". It is passed on',
      ),
      expect.stringContaining('an update of the unknown type "toString"'),
    ]);
  });

  const iterators: [name: string, iterator: object, message: string][] = [
    ['an iterator that gives no result', { next: async () => undefined }, "reading 'done'"],
    [
      'an iterator whose return() throws',
      {
        next: async () => ({ done: false, value: 'Hello' }),
        return() {
          throw new Error('closed already');
        },
      },
      'yielded the text "Hello"',
    ],
  ];
  test.each(iterators)('returns %s', async (_name, iterator, message) => {
    const { events, errors } = testServer({
      respond: () => ({ [Symbol.asyncIterator]: () => iterator }) as never,
    });
    expect((await events(create('hi'))).at(-1)).toMatchObject({ type: 'error', code: 'stream.error' });
    expect(errors).toEqual([expect.objectContaining({ message: expect.stringContaining(message) })]);
  });

  const deltas: [name: string, update: object][] = [
    ['undefined', { content_index: 0, delta: undefined }],
    ['an object', { content_index: 0, delta: { text: 'x' } }],
    ['for no part', { content_index: undefined, delta: 'x' }],
    ['for a part that is no number', { content_index: Number.NaN, delta: 'x' }],
  ];
  test.each(deltas)('text that is %s', async (_name, update) => {
    const { events, errors, items } = testServer({
      async *respond(thread) {
        const item = assistantMessage({ thread_id: thread.id, id: 'a' });
        yield itemAdded(item);
        yield textDelta('a', 'half');
        yield { type: 'thread.item.updated', item_id: 'a', update: { type: textType, ...update } } as never;
      },
    });
    const told = await events(create('hi'));
    expect(told.at(-1)).toMatchObject({ type: 'error', code: 'stream.error' });
    expect(errors).toEqual([
      expect.objectContaining({ message: expect.stringContaining('needs a string and the number of its part') }),
    ]);
    const { id } = told.find((each) => each.type === 'thread.created')?.thread ?? { id: '' };
    expect((await items(id)).map(textOf)).toEqual(['hi', 'half']);
  });

  test('a function in the thread', async () => {
    const { events, errors } = testServer({
      async *respond(thread) {
        thread.metadata['done'] = () => {};
        yield progressUpdate('x');
      },
    });
    expect((await events(create('hi'))).at(-1)).toMatchObject({ type: 'error', code: 'stream.error' });
    expect(String(errors)).toContain(
      'The thread, as respond() or action() has changed it, cannot be written as JSON: ',
    );
  });

  const changed: [name: string, change: (thread: ThreadMetadata) => void, message: string][] = [
    [
      'a status that is missing',
      (thread) => Object.assign(thread, { status: undefined }),
      "thread.status to undefined. Write `thread.status = { type: 'active' }`, or the type 'locked' or 'closed'.",
    ],
    [
      'a status of an unknown type',
      (thread) => Object.assign(thread, { status: { type: 'lockd' } }),
      'thread.status to an object of type "lockd".',
    ],
    ['a status that is text', (thread) => Object.assign(thread, { status: 'locked' }), 'to the text "locked".'],
    [
      'an unknown type of the status',
      ({ status }) => Object.assign(status, { type: undefined }),
      'thread.status to an object with the keys (none).',
    ],
    [
      'another id',
      (thread) => Object.assign(thread, { id: 'thr_2' }),
      'thread.id to the text "thr_2". A thread keeps its id.',
    ],
    [
      'no metadata',
      (thread) => Object.assign(thread, { metadata: undefined }),
      'thread.metadata to undefined. Write `thread.metadata = {}` to empty it.',
    ],
    ['metadata that is null', (thread) => Object.assign(thread, { metadata: null }), 'thread.metadata to null.'],
    ['metadata that is a list', (thread) => Object.assign(thread, { metadata: [] }), 'thread.metadata to an array.'],
    [
      'no date',
      (thread) => Object.assign(thread, { created_at: undefined }),
      'thread.created_at to undefined. Threads are listed in the order of their dates, so leave it alone.',
    ],
    ['a title that is no text', (thread) => Object.assign(thread, { title: { en: 'Hi' } }), 'It must be a string.'],
  ];
  test.each(changed)(
    'gives the thread %s: nothing of it is stored, and messages are still accepted',
    async (...row) => {
      const [, change, message] = row;
      let first = true;
      const { events, errors, store } = testServer({
        async *respond(thread) {
          if (first) change(thread);
          first = false;
          yield progressUpdate('x');
        },
      });
      const told = await events(create('hi'));
      expect(told.at(-1)).toMatchObject({ type: 'error', code: 'stream.error' });
      expect(String(errors)).toContain('TypeError: respond() or action() set thread.');
      expect(String(errors)).toContain(message);
      const { thread } = told.find((each) => each.type === 'thread.created') as { thread: Thread };
      const { thread: stored } = await store.loadThread(thread.id, ada);
      expect(stored).toMatchObject({ id: thread.id, created_at: thread.created_at, status: { type: 'active' } });
      expect((await events(add(thread.id))).at(-1)).toEqual(progressUpdate('x'));
    },
  );

  test('what is unusual in a stored thread stands in nobody’s way', async () => {
    const { events, store, json } = testServer({
      async *respond(thread) {
        thread.title = 'T';
        yield progressUpdate('x');
      },
    });
    const save = (id: string, status: unknown) =>
      store.saveThread({ id, created_at: '2026-01-01T00:00:00Z', metadata: {}, status } as ThreadMetadata, ada);
    await save('thr_none', undefined);
    expect((await events(add('thr_none'))).at(-1)).toMatchObject({ type: 'thread.updated', thread: { title: 'T' } });
    // A newer server may have stored it.
    await save('thr_new', { type: 'archived', reason: 'Old.' });
    expect(await json(add('thr_new'))).toMatchObject({
      status: 409,
      error: { code: 'thread.locked', details: { thread_id: 'thr_new', reason: 'Old.' } },
    });
  });

  test('text for an item that was never added is said once, and the answer goes on', async () => {
    const { events, errors } = testServer({
      async *respond() {
        for (const text of ['a', 'b', 'c']) yield textDelta('msg_lost', text);
        yield progressUpdate('x');
      },
    });
    expect((await events(create('hi'))).at(-1)).toEqual(progressUpdate('x'));
    expect(errors).toEqual([
      expect.objectContaining({ message: expect.stringContaining('the item "msg_lost", which is not in the thread') }),
    ]);
  });
});

describe('requests that are none', () => {
  test("a request of Node's", async () => {
    const { server, errors } = testServer();
    let status: number | undefined;
    const http = createServer(async (request, response) => {
      status = (await server.handle(request as never, { userId: 'ada' })).status;
      response.end();
    });
    await new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', resolve));
    await fetch(`http://127.0.0.1:${(http.address() as { port: number }).port}/`);
    http.close();
    expect(status).toBe(500);
    expect(String(errors)).toContain(
      'handle() takes a web `Request`, not an instance of IncomingMessage. For node:http',
    );
  });

  test.each([[undefined], [null], ['http://test/'], [{}]])('%j', async (given) => {
    const { server, errors } = testServer();
    expect((await server.handle(given as never, { userId: 'ada' })).status).toBe(500);
    expect(String(errors)).toContain('handle() takes a web `Request`, not ');
  });

  test('a body that was read before', async () => {
    const { server, errors } = testServer();
    const headers = { 'content-type': 'application/json' };
    const request = new Request('http://test/', { method: 'POST', headers, body: JSON.stringify(create('hi')) });
    await request.json();
    expect((await server.handle(request, { userId: 'ada' })).status).toBe(500);
    expect(String(errors)).toContain('The body of the request has already been read');
  });

  test('a body that a framework read before, and kept to itself', async () => {
    const { server, errors } = testServer();
    const handler = toNodeHandler(server, { context: () => ({ userId: 'ada' }) });
    const http = createServer(async (request, response) => {
      request.resume();
      await once(request, 'end');
      await handler(request, response);
    });
    await new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', resolve));
    const { status } = await fetch(`http://127.0.0.1:${(http.address() as { port: number }).port}/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(create('hi')),
    });
    http.close();
    expect(status).toBe(500);
    expect(String(errors)).toContain('The body of the request has already been read and is not in `request.body`');
  });

  test.each([
    [{ messages: [] }, 'type is missing: a request is {type, params}, its type for example threads.create.'],
    [{ type: 'thread.create' }, 'type names no request that is known here, such as threads.create.'],
    [{ ...create('hi'), metadata: 'x' }, 'metadata must be of type object.'],
  ])('%j', async (body, message) => {
    expect(await (await testServer().raw(JSON.stringify(body))).json()).toMatchObject({ error: { message } });
  });

  test('a browser that asks a server without allowedOrigins first', async () => {
    const { server } = testServer();
    const answer = await server.handle(new Request('http://test/', { method: 'OPTIONS' }), { userId: 'ada' });
    expect(answer.status).toBe(405);
    expect(await answer.text()).toContain('it has no allowedOrigins');
  });

  test('an action that nobody takes', async () => {
    const { create: begin, events, errors } = testServer();
    const thread_id = await begin();
    await events({ type: 'threads.custom_action', params: { thread_id, action: { type: 'book' } } });
    expect(String(errors)).toContain('The action "book" has no handler: the server needs `async *action(');
  });
});
