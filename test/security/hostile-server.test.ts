// A server that means harm, against our client: what docs/reference/security.md says of it and whatever else an answer
// can hold. Backoff, jitter and the clamping of `retry` are laws in packages/client/test/connection-state.test.ts.
import type { ServerResponse } from 'node:http';
import { createChatClient } from '@chatkit/client';
import { createVirtualClock } from '@chatkit/testing';
import { describe, expect, test } from 'vitest';
import { listen, until } from './support.ts';

type Hostile = (response: ServerResponse, attempt: number) => void;

const streamHead = { 'content-type': 'text/event-stream', 'chatkit-run-id': 'r' };
const MB = 1024 * 1024;

/** A client in front of a hostile server; its clock runs as fast as the server can answer. */
const chatWith = async (hostile: Hostile, path = '/chatkit') => {
  let attempts = 0;
  let sent = 0;
  const asked: { url: string; headers: Record<string, unknown> }[] = [];
  const { port } = await listen((request, response) => {
    asked.push({ url: request.url ?? '', headers: request.headers });
    request.resume();
    const { write } = response;
    response.write = ((chunk: string, ...rest: []) => {
      sent += chunk.length;
      return write.call(response, chunk, ...(rest as unknown as ['utf8']));
    }) as never;
    hostile(response, attempts++);
  });
  const clock = createVirtualClock({ startMs: 1 });
  const client = createChatClient({
    url: `http://127.0.0.1:${port}${path}`,
    extensions: true,
    headers: { authorization: 'Bearer token' },
    clock,
    random: () => 1,
    connection: { budgetMs: 60_000 },
    scheduler: (flush) => {
      flush();
      return () => {};
    },
  });
  return { client, clock, port, asked, attempts: () => attempts, sent: () => sent };
};

/** Sends a message; gives how that ended, with the time let run. */
const outcomeOf = async ({ client, clock }: Awaited<ReturnType<typeof chatWith>>) => {
  const run = client.send('hi');
  let outcome: string | undefined;
  void run.done.then((how) => {
    outcome = how;
  });
  while (outcome === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    await clock.advance(1_000);
  }
  const { status, error } = client.getSnapshot();
  return { outcome, status, code: error?.code };
};

/** Writes as fast as it is read, until the client has had enough. */
const flood = (response: ServerResponse, piece: string): void => {
  const more = () => {
    while (!response.destroyed && response.write(piece));
  };
  response.on('drain', more);
  more();
};

const frames: [string, string][] = [
  ['JSON that is none', 'id: 1-1\ndata: {"type":\n\n'],
  ['a number', 'id: 1-1\ndata: 7\n\n'],
  ['null', 'id: 1-1\ndata: null\n\n'],
  ['an event without a type', 'id: 1-1\ndata: {}\n\n'],
  ['a type called __proto__', 'id: 1-1\ndata: {"type":"__proto__"}\n\n'],
  [
    'a prototype',
    'id: 1-1\ndata: {"type":"thread.created","__proto__":{"polluted":1},"thread":{"__proto__":{"polluted":1}}}\n\n',
  ],
  ['an item that is null', 'id: 1-1\ndata: {"type":"thread.item.added","item":null}\n\n'],
  [
    'an item called __proto__',
    'id: 1-1\ndata: {"type":"thread.item.added","item":{"id":"__proto__","type":"__proto__"}}\n\n',
  ],
  [
    'an item without content',
    'id: 1-1\ndata: {"type":"thread.item.added","item":{"id":"a","type":"assistant_message"}}\n\n',
  ],
  [
    'parts at an index of a billion',
    'id: 1-1\ndata: {"type":"thread.item.added","item":{"id":"a","type":"assistant_message","content":[]}}\n\nid: 1-2\ndata: {"type":"thread.item.updated","item_id":"a","update":{"type":"assistant_message.content_part.text_delta","content_index":1000000000,"delta":"x"}}\n\n',
  ],
  [
    'an index that is none',
    'id: 1-1\ndata: {"type":"thread.item.added","item":{"id":"a","type":"assistant_message","content":[]}}\n\nid: 1-2\ndata: {"type":"thread.item.updated","item_id":"a","update":{"type":"assistant_message.content_part.text_delta","content_index":"__proto__","delta":"x"}}\n\n',
  ],
  ['an update that is null', 'id: 1-1\ndata: {"type":"thread.item.updated","item_id":"a","update":null}\n\n'],
  ['a NUL in an id', 'id: 1\u0000-1\ndata: {"type":"progress_update","text":"x"}\n\n'],
  ['a CR in an id', 'id: 1-1\rdata: {"type":"progress_update","text":"x"}\n\n'],
  ['an id of 100 KB', `id: ${'9'.repeat(100_000)}\ndata: {"type":"progress_update","text":"x"}\n\n`],
  ['a retry of a year', 'retry: 31536000000\n\n'],
  ['a retry of 0', 'retry: 0\n\n'],
  ['a thousand digits of retry', `retry: ${'9'.repeat(1_000)}\n\n`],
  ['an unknown event', 'event: admin\ndata: {"type":"admin"}\n\n'],
];

describe('frames that are wrong', () => {
  test.each(frames)('%s: the answer is cut or passed over; the client settles and can be used', async (_, text) => {
    const chat = await chatWith((response, attempt) => {
      response.writeHead(200, streamHead);
      response.end(attempt < 2 ? text : 'id: 9-9\nevent: end\ndata: {"outcome":"completed"}\n\n');
    });
    const { status, outcome } = await outcomeOf(chat);
    expect(['completed', 'interrupted', 'failed']).toContain(outcome);
    expect(status).toBe('idle');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(chat.client.getSnapshot().items.length).toBeLessThan(4);
    chat.client.newThread();
    expect(chat.client.getSnapshot().items).toEqual([]);
  });
});

describe('answers without an end', () => {
  test.each([
    ['one event', `data: ${'x'.repeat(65_000)}`],
    ['one comment', `:${'x'.repeat(65_000)}`],
    ['lines of one event', `data: ${'x'.repeat(65_000)}\n`],
  ])('%s: the connection is dropped at 9 MiB, for good', async (_, piece) => {
    const chat = await chatWith((response) => {
      response.writeHead(200, streamHead);
      flood(response, piece);
    });
    const { outcome, code } = await outcomeOf(chat);
    expect([outcome, code]).toEqual(['failed', 'transport.invalid_frame']);
    expect(chat.attempts()).toBe(1);
    // That much was read; the rest is in the sockets.
    expect(chat.sent()).toBeLessThan(24 * MB);
  });

  test.each([
    ['comments', ': x\n\n'],
    ['a line of no known field', 'x'],
  ])('%s without end are read and forgotten, and stop is heard among them', async (_, piece) => {
    const chat = await chatWith((response, attempt) => {
      if (attempt > 0) return void response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      response.writeHead(200, streamHead);
      const timer = setInterval(() => response.write(piece.repeat(10_000)), 1);
      response.on('close', () => clearInterval(timer));
    });
    const run = chat.client.send('hi');
    await until(() => chat.sent() > 2 * MB);
    expect(chat.client.getSnapshot().items).toHaveLength(1);
    const stopped = chat.client.stop();
    // What the stop waits for is a matter of the client's clock, which is the test's.
    const ticking = setInterval(() => void chat.clock.advance(1_000), 2);
    await stopped;
    clearInterval(ticking);
    expect(await run.done).toBe('cancelled');
  });

  test.each([500, 404, 503])('a %i whose text never ends', async (status) => {
    const chat = await chatWith((response) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      flood(response, ' '.repeat(65_536));
    });
    const { outcome } = await outcomeOf(chat);
    expect(outcome).not.toBe('completed');
    expect(chat.sent() / chat.attempts()).toBeLessThan(16 * MB);
  });
});

describe('answers of another kind', () => {
  test.each<[string, Hostile, string]>([
    [
      'HTML with 200',
      (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Sign in</h1>'),
      'transport.status',
    ],
    [
      'JSON with 200',
      (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'),
      'transport.status',
    ],
    [
      'HTML with 403',
      (response) => response.writeHead(403, { 'content-type': 'text/html' }).end('<h1>No</h1>'),
      'request.unauthorized',
    ],
    ['no type at all', (response) => response.writeHead(200).end('data: {}\n\n'), 'transport.status'],
    ['an error that is text', (response) => response.writeHead(400).end('{"error":"x"}'), 'transport.status'],
    [
      'an error with a code that is an object',
      (response) => response.writeHead(400).end('{"error":{"code":{}}}'),
      'transport.status',
    ],
  ])('%s is one error, shown once', async (_, hostile, code) => {
    const chat = await chatWith(hostile);
    expect(await outcomeOf(chat)).toEqual({ outcome: 'failed', status: 'idle', code });
    expect(chat.attempts()).toBe(1);
  });

  test('a redirect to another origin does not take the token along', async () => {
    const seen: (string | undefined)[] = [];
    const other = await listen((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(404).end();
    });
    const chat = await chatWith((response) =>
      response.writeHead(307, { location: `http://127.0.0.1:${other.port}/` }).end(),
    );
    expect((await outcomeOf(chat)).outcome).toBe('failed');
    expect(seen).toEqual([undefined]);
  });

  test('redirects in a circle end', async () => {
    const chat = await chatWith((response) => response.writeHead(307, { location: '/chatkit' }).end());
    const { outcome, code } = await outcomeOf(chat);
    expect([outcome, code]).toEqual(['interrupted', 'transport.network']);
  });
});

test('a server that accepts and hangs up at once is asked ever more slowly', async () => {
  const chat = await chatWith((response) => {
    response.writeHead(200, streamHead);
    response.end('retry: 0\n\n');
  });
  const { outcome } = await outcomeOf(chat);
  expect(outcome).toBe('interrupted');
  // 0.5 + 1 + 2 + … seconds, and 30 at most: a minute of it is a handful of requests.
  expect(chat.attempts()).toBeLessThan(12);
});

test('a Retry-After of a day is obeyed for an hour at most', async () => {
  const chat = await chatWith((response, attempt) => {
    if (attempt === 0) return void response.writeHead(503, { 'retry-after': '86400' }).end();
    response.writeHead(200, streamHead);
    response.end('id: 9-9\nevent: end\ndata: {"outcome":"completed"}\n\n');
  });
  const run = chat.client.send('hi');
  await until(() => chat.client.getSnapshot().connection === 'reconnecting');
  await chat.clock.advance(59 * 60_000);
  expect(chat.attempts()).toBe(1);
  await chat.clock.advance(2 * 60_000);
  expect(await run.done).toBe('completed');
});
