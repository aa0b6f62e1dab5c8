import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { from } from '@chatkit/stream';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { decodeSse, encodeSse, isTransportError, type Reply } from '../src/index.ts';
import {
  closeCodes,
  createSession,
  isAllowedOrigin,
  openWebSocket,
  refuseUpgrade,
  type ServerSocket,
  type ServeWebSocketOptions,
  type SocketPort,
  serveWebSocket,
} from '../src/ws/index.ts';
import { closeReason } from '../src/ws/protocol.ts';
import type { Answer } from './support/describe-transport.ts';
import { deferred, openSocket, still, stopTime, turns, until } from './support/node-server.ts';

const streamed = (body: AsyncIterable<string>): Reply => ({ status: 200, headers: {}, body });
const endless = (data: string, made: { count: number } = { count: 0 }): Reply =>
  streamed(
    (async function* () {
      for (;;) {
        made.count++;
        yield encodeSse({ data });
        await turns(1);
      }
    })(),
  );

const start = async (answer: Answer, options: ServeWebSocketOptions = {}) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', maxPayload: 1024 * 1024, perMessageDeflate: false });
  await new Promise((resolve) => server.once('listening', resolve));
  const sessions: ReturnType<typeof serveWebSocket>[] = [];
  server.on('connection', (socket) => sessions.push(serveWebSocket(socket, answer, options)));
  const { port } = server.address() as AddressInfo;
  onTestFinished(async () => {
    for (const socket of server.clients) socket.terminate();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port, url: `ws://127.0.0.1:${port}`, server, sessions };
};
/** A client that says what it likes. */
const rawClient = async (url: string) => {
  const socket = new WebSocket(url);
  const messages: string[] = [];
  socket.on('message', (data) => messages.push(String(data)));
  socket.on('error', () => {});
  const closed = new Promise<[number, string]>((resolve) =>
    socket.once('close', (code, reason) => resolve([code, String(reason)])),
  );
  await new Promise((resolve) => socket.once('open', resolve));
  onTestFinished(() => socket.terminate());
  return { socket, messages, closed };
};
const openMessage = (run: string, more = {}) =>
  JSON.stringify({ run, open: { method: 'POST', path: '/', headers: {}, body: '{}' }, window: 1000, ...more });

/** A clock that the test moves on by the age of a connection; its timers fire in the order in which they were set. */
const byHand = () => {
  const timers = new Map<number, () => void>();
  let set = 0;
  let now = 0;
  return {
    timers,
    now: () => now,
    setTimeout(callback: () => void) {
      timers.set(++set, callback);
      return set;
    },
    clearTimeout: (timer: unknown) => void timers.delete(timer as number),
    fire() {
      now += 600_000;
      const due = [...timers];
      timers.clear();
      for (const [, callback] of due) callback();
    },
  };
};

describe('a server socket', () => {
  const bad: [string, string | Buffer][] = [
    ['not JSON', '{'],
    ['an array', '[]'],
    ['null', 'null'],
    ['a binary message', Buffer.from(openMessage('a'))],
    ['a run id that is no text', JSON.stringify({ ...JSON.parse(openMessage('a')), run: 1 })],
    ['a run id with a line break', openMessage('a\nb')],
    ['a run id with a space', openMessage('a b')],
    ['a run id of 129 characters', openMessage('x'.repeat(129))],
    ['an unknown type', JSON.stringify({ run: 'a', subscribe: true })],
    ['a window of nothing', openMessage('a', { window: 0 })],
    ['a window that is no number', openMessage('a', { window: '1e9' })],
    ['more that is negative', JSON.stringify({ run: 'a', more: -5 })],
    [
      'a path that is an address',
      openMessage('a', { open: { method: 'GET', path: 'http://evil.example/', headers: {}, body: null } }),
    ],
    [
      'a header that breaks its line',
      openMessage('a', { open: { method: 'GET', path: '/', headers: { 'x-a': 'b\r\nc: d' }, body: null } }),
    ],
    [
      'a header that is no text',
      openMessage('a', { open: { method: 'GET', path: '/', headers: { 'x-a': {} }, body: null } }),
    ],
    ...Object.entries({ method: 1, path: 1, headers: null, body: 1 }).map(([name, value]): [string, string] => [
      `a ${name} that is none`,
      openMessage('a', { open: { method: 'POST', path: '/', headers: {}, body: null, [name]: value } }),
    ]),
    ['headers that are a list', openMessage('a', { open: { method: 'GET', path: '/', headers: ['x'], body: null } })],
    ['nothing to open', openMessage('a', { open: null })],
    ['a method that is forbidden', openMessage('a', { open: { method: 'TRACE', path: '/', headers: {}, body: null } })],
    ['a body on GET', openMessage('a', { open: { method: 'GET', path: '/', headers: {}, body: 'x' } })],
    ['JSON 5,000 levels deep', '['.repeat(5000) + ']'.repeat(5000)],
  ];
  for (const [what, message] of bad)
    it(`closes with 4400 for ${what}`, async () => {
      const answer = vi.fn((): Reply => ({ status: 204, headers: {}, body: null }));
      const { url } = await start(answer);
      const client = await rawClient(url);
      client.socket.send(message);
      expect((await client.closed)[0]).toBe(closeCodes.badMessage);
      expect(answer).not.toHaveBeenCalled();
    });

  it('closes with 1009 for a message that is too large, its own limit or that of ws', async () => {
    const { url } = await start(() => ({ status: 204, headers: {}, body: null }), { maxMessageLength: 1000 });
    const whole = openMessage('a').padEnd(1000);
    const fits = await rawClient(url);
    fits.socket.send(whole);
    await until(() => fits.messages.includes('a end\n'));
    for (const message of [`${whole} `, whole.padEnd(2 * 1024 * 1024)]) {
      const client = await rawClient(url);
      client.socket.send(message);
      expect((await client.closed)[0]).toBe(closeCodes.tooLarge);
    }
  });

  it('closes with 4409 for a second run of one id, and aborts the first', async () => {
    let aborted = 0;
    const { url } = await start((request) => {
      request.signal.addEventListener('abort', () => aborted++);
      return endless('x');
    });
    const client = await rawClient(url);
    client.socket.send(openMessage('constructor'));
    client.socket.send(openMessage('constructor'));
    expect((await client.closed)[0]).toBe(closeCodes.runInUse);
    expect(aborted).toBe(1);
  });

  it('answers one run too many with 429, and the others go on', async () => {
    const { url } = await start(() => endless('x'), { maxRuns: 3 });
    const client = await rawClient(url);
    for (let n = 0; n < 4; n++) client.socket.send(openMessage(`r${n}`));
    await until(() => client.messages.includes('r3 end\n'));
    expect(client.messages).toContain('r3 head\n{"status":429,"headers":{}}');
    const before = client.messages.length;
    await until(() => client.messages.length > before + 6);
  });

  it('takes cookies, origin and host from the handshake, never from a message', async () => {
    let seen: Record<string, string> = {};
    const { url } = await start((request) => {
      seen = Object.fromEntries(request.headers);
      return { status: 204, headers: {}, body: null };
    });
    const client = await rawClient(url);
    const headers = {
      Cookie: 'a=b',
      origin: 'https://evil.example',
      Host: 'evil',
      'X-Forwarded-For': '1.1.1.1',
      'sec-fetch-site': 'x',
      'chatkit-client': '1',
    };
    client.socket.send(openMessage('a', { open: { method: 'GET', path: '/', headers, body: null } }));
    await until(() => client.messages.length > 1);
    expect(seen).toEqual({ 'chatkit-client': '1' });
  });

  it('a run whose window is used up waits; the others do not', async () => {
    const made = { count: 0 };
    const { url } = await start((request) =>
      endless('x'.repeat(100), request.url.endsWith('/slow') ? made : undefined),
    );
    const client = await rawClient(url);
    client.socket.send(openMessage('slow', { open: { method: 'GET', path: '/slow', headers: {}, body: null } }));
    client.socket.send(openMessage('other', { window: 1_000_000 }));
    await until(() => client.messages.filter((text) => text.startsWith('other body')).length > 2000);
    const slow = client.messages.filter((text) => text.startsWith('slow body')).join('').length;
    expect(slow).toBeLessThan(1500);
    expect(made.count).toBeLessThan(1000);
    const before = client.messages.length;
    client.socket.send(JSON.stringify({ run: 'slow', more: 10_000 }));
    await until(() => client.messages.slice(before).some((text) => text.startsWith('slow body')));
  });

  it('a client that does not read its socket holds the makers back; one that never does is let go with 1013', async () => {
    const made = { count: 0 };
    const closes: number[] = [];
    const { port, server } = await start(() => endless('x'.repeat(50_000), made), { stuckMs: 200 });
    server.on('connection', (socket) => {
      const { close } = socket;
      socket.close = (code, reason) => {
        closes.push(code as number);
        close.call(socket, code, reason);
      };
    });
    const request =
      'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';
    const socket = await openSocket(port, request);
    const message = Buffer.from(openMessage('a', { window: 1_000_000_000 }));
    socket.write(
      Buffer.concat([Buffer.from([0x81, 0x80 | 126, message.length >> 8, message.length & 255, 0, 0, 0, 0]), message]),
    );
    await until(() => server.clients.size === 0 && made.count > 0);
    expect(closes).toContain(closeCodes.stuck);
    expect(made.count * 50_000).toBeLessThan(32 * 1024 * 1024);
  });

  it('a client that answers no ping is dropped and its runs are aborted', async () => {
    const aborted = deferred();
    const { url } = await start(
      (request) => {
        request.signal.addEventListener('abort', () => aborted.resolve());
        return endless('x');
      },
      { pingMs: 10 },
    );
    const socket = new WebSocket(url, { autoPong: false });
    socket.on('error', () => {});
    onTestFinished(() => socket.terminate());
    await new Promise((resolve) => socket.once('open', resolve));
    socket.send(openMessage('a'));
    await aborted.promise;
  });

  it('a broken body reaches onError and not the client', async () => {
    const errors: unknown[] = [];
    const { url } = await start(
      () => {
        throw new Error('secret');
      },
      { onError: (error) => errors.push(error) },
    );
    const client = await rawClient(url);
    client.socket.send(openMessage('a'));
    await until(() => client.messages.length > 0);
    expect(client.messages).toEqual(['a fail\n']);
    expect(errors).toEqual([new Error('secret')]);
  });

  it.each<[string, (error: Error) => void]>([
    [
      'throws',
      (error) => {
        throw error;
      },
    ],
    [
      'rejects',
      async (error) => {
        throw error;
      },
    ],
  ])('an onError that %s breaks nothing', async (_, fail) => {
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {});
    onTestFinished(() => printed.mockRestore());
    const second = new Error('no disk for the log');
    const { url } = await start(() => Promise.reject(new Error('secret')), { onError: () => fail(second) });
    const client = await rawClient(url);
    client.socket.send(openMessage('a'));
    await until(() => client.messages.length > 0);
    expect(client.messages).toEqual(['a fail\n']);
    expect(printed.mock.calls).toEqual([['chatkit: onError threw', second]]);
  });

  it('is closed with 1012 at its age, once no run is open; the client connects again', async () => {
    const clock = byHand();
    const end = deferred<void>();
    const answer: Answer = () =>
      streamed(
        (async function* () {
          yield encodeSse({ data: 'first' });
          await end.promise;
          yield encodeSse({ data: 'last' });
        })(),
      );
    const { url, server } = await start(answer, { clock });
    const idle = await rawClient(url);
    const busy = await rawClient(url);
    busy.socket.send(openMessage('a'));
    await until(() => busy.messages.length > 1);
    clock.fire();
    expect(await idle.closed).toEqual([closeCodes.restart, 'the connection is old']);
    expect(busy.socket.readyState).toBe(WebSocket.OPEN);
    end.resolve();
    expect(await busy.closed).toEqual([closeCodes.restart, 'the connection is old']);
    expect(busy.messages.at(-1)).toBe('a end\n');

    const connection = openWebSocket(url);
    onTestFinished(() => connection.close());
    const texts = [await (await connection.fetch('/')).text()];
    clock.fire();
    await until(() => server.clients.size === 0 && clock.timers.size === 0);
    texts.push(await (await connection.fetch('/')).text());
    expect(texts).toEqual(Array(2).fill(encodeSse({ data: 'first' }) + encodeSse({ data: 'last' })));
  });

  it('is closed at twice its age in any case', async () => {
    const clock = byHand();
    const { url } = await start(() => endless('x'), { clock });
    const client = await rawClient(url);
    client.socket.send(openMessage('a', { window: 1e9 }));
    await until(() => client.messages.length > 1);
    clock.fire();
    await turns(5);
    expect(client.socket.readyState).toBe(WebSocket.OPEN);
    clock.fire();
    expect((await client.closed)[0]).toBe(closeCodes.restart);
  });

  it('is never closed for its age where that is `Infinity`', async () => {
    const clock = byHand();
    const { url } = await start(() => endless('x'), { clock, maxConnectionMs: Number.POSITIVE_INFINITY });
    const client = await rawClient(url);
    client.socket.send(openMessage('a'));
    await until(() => client.messages.length > 1);
    expect(clock.timers.size).toBe(0);
  });

  it('a client that answers pings is kept, and its run with it', async () => {
    let pings = 0;
    const { url } = await start(() => endless('x'), { pingMs: 10 });
    const client = await rawClient(url);
    client.socket.on('ping', () => pings++);
    client.socket.send(openMessage('a', { window: 1e9 }));
    await until(() => pings > 5);
    expect(client.socket.readyState).toBe(WebSocket.OPEN);
  });

  it('what is ready in one turn leaves as one message', async () => {
    stopTime();
    const { url } = await start(() =>
      streamed(
        (async function* () {
          for (let n = 0; n < 50; n++) yield encodeSse({ data: String(n) });
          await turns(2);
          yield encodeSse({ data: 'last' });
        })(),
      ),
    );
    const client = await rawClient(url);
    client.socket.send(openMessage('a', { window: 1e9 }));
    await until(() => client.messages.at(-1) === 'a end\n');
    const together = Array.from({ length: 50 }, (_, n) => encodeSse({ data: String(n) })).join('');
    expect(client.messages.slice(1, -1)).toEqual([`a body\n${together}`, `a body\n${encodeSse({ data: 'last' })}`]);
  });

  it('close() lets go with 1001', async () => {
    const { url, sessions } = await start(() => endless('x'));
    const client = await rawClient(url);
    client.socket.send(openMessage('a'));
    await until(() => client.messages.length > 1);
    sessions[0]?.close();
    expect(await client.closed).toEqual([closeCodes.goingAway, 'the server goes away']);
  });

  it('serves a standard WebSocket, which has neither ping nor terminate', async () => {
    const listeners: Record<string, (event: { data: unknown }) => void> = {};
    const sent: string[] = [];
    const socket: ServerSocket = {
      bufferedAmount: 0,
      send: (text) => void sent.push(text),
      close: () => {},
      addEventListener: (type: string, listener: (event: never) => void) => {
        listeners[type] = listener as never;
      },
    };
    serveWebSocket(socket, () => ({ status: 200, headers: {}, body: 'hello' }));
    listeners['message']?.({ data: openMessage('a') });
    await until(() => sent.length === 3);
    expect(sent).toEqual(['a head\n{"status":200,"headers":{}}', 'a body\nhello', 'a end\n']);
  });
});

/** A socket whose network takes what the test says. */
const heldSocket = () => {
  const listeners: Record<string, (event: { data: unknown }) => void> = {};
  const closes: (number | undefined)[] = [];
  const socket = {
    bufferedAmount: 0,
    send(text: string) {
      socket.bufferedAmount += text.length;
    },
    close: (code?: number) => void closes.push(code),
    addEventListener: (type: string, listener: (event: never) => void) => {
      listeners[type] = listener as never;
    },
  };
  return {
    socket: socket as ServerSocket & { bufferedAmount: number },
    closes,
    say: (data: string) => listeners['message']?.({ data }),
    leave: () => listeners['close']?.({ data: undefined }),
  };
};

/** A session, and what it has told its socket. */
const onPort = (answer: Answer, options: Parameters<typeof createSession>[2] = {}) => {
  const sent: string[] = [];
  const closes: number[] = [];
  const port: SocketPort = { send: (text) => void sent.push(text), close: (code) => void closes.push(code) };
  const session = createSession(port, answer, options);
  return { session, sent, closes, say: (message: object) => session.receive(JSON.stringify(message)) };
};

describe('a run that its client closes', () => {
  it('while its answer is awaited: the body is closed unread, nothing is sent, and its id and place are free', async () => {
    const answers: ((reply: Reply) => void)[] = [];
    const { session, sent, say } = onPort(() => new Promise((resolve) => answers.push(resolve)), { maxRuns: 1 });
    let returns = 0;
    const body = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => {}),
        return: async () => ({ value: ++returns, done: true as const }),
      }),
    };
    session.receive(openMessage('a'));
    say({ run: 'a', close: true });
    session.receive(openMessage('a'));
    answers[0]?.(streamed(body));
    await turns(2);
    expect([returns, sent]).toEqual([1, []]);
    answers[1]?.({ status: 204, headers: {}, body: null });
    await turns(2);
    expect(sent).toEqual(['a head\n{"status":204,"headers":{}}', 'a end\n']);
  });

  it('has no error to tell when its answer fails because of that', async () => {
    const errors: unknown[] = [];
    const answer: Answer = ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const { session, sent, say } = onPort(answer, { onError: (error) => errors.push(error) });
    session.receive(openMessage('a'));
    say({ run: 'a', close: true });
    await turns(2);
    expect([errors, sent]).toEqual([[], []]);
  });

  it('may be over already, or unknown', async () => {
    const { session, closes, say } = onPort(() => ({ status: 204, headers: {}, body: null }));
    session.receive(openMessage('a'));
    await turns(2);
    for (const run of ['a', 'b']) {
      say({ run, close: true });
      say({ run, more: 1 });
    }
    expect(closes).toEqual([]);
  });

  it('was the last on a connection that is old, which is closed with it', async () => {
    const clock = byHand();
    const { session, closes, say } = onPort(() => new Promise(() => {}), { clock });
    session.receive(openMessage('a'));
    clock.fire();
    expect(closes).toEqual([]);
    say({ run: 'a', close: true });
    expect(closes).toEqual([closeCodes.restart]);
  });
});

// As over HTTP, where Node refuses more. 80,000 headers in one message took two seconds, in which nothing else was answered.
it.each([
  ['path', (length: number) => ({ path: '/'.padEnd(length, 'x'), headers: {} })],
  ['one header', (length: number) => ({ path: '/', headers: { a: 'x'.repeat(length - 6) } })],
  ['headers', (length: number) => ({ path: '/'.repeat(4), headers: Object.fromEntries(numbered((length - 4) / 10)) })],
])('a request has 16 KiB of path and headers (%s)', async (_what, headOf) => {
  for (const [length, closed] of [
    [16_384, []],
    [16_394, [closeCodes.badMessage]],
  ] as const) {
    const { say, sent, closes, session } = onPort(() => ({ status: 204, headers: {}, body: null }));
    say({ run: 'a', open: { method: 'POST', body: null, ...headOf(length) }, window: 1 });
    await turns(2);
    expect([sent.length, closes]).toEqual([closed.length === 0 ? 2 : 0, closed]);
    session.closed();
  }
});

/** Headers of ten characters each. */
const numbered = (count: number) => Array.from({ length: count }, (_, at) => [String(1000 + at), 'xx']);

it('a session that is over neither answers nor closes its socket again', async () => {
  const answer = vi.fn((): Reply => ({ status: 204, headers: {}, body: null }));
  const { session, sent, closes } = onPort(answer);
  session.receive('nonsense');
  session.receive(openMessage('a'));
  session.closed();
  session.close();
  await turns(2);
  expect([answer.mock.calls, sent, closes]).toEqual([[], [], [closeCodes.badMessage]]);
});

describe('the text of a body', () => {
  it('comes whole in messages that are no longer than what came before them, and within bounds', async () => {
    const piece = fc.tuple(fc.constantFrom('x', 'ü', '🦊', 'a🦊'), fc.nat(40_000)).map(([unit, n]) => unit.repeat(n));
    const law = fc.asyncProperty(fc.array(piece, { maxLength: 6 }), fc.boolean(), async (pieces, isStepwise) => {
      const messages: string[] = [];
      const ended = deferred<void>();
      const port: SocketPort = {
        send(text) {
          messages.push(text);
          if (text.startsWith('a end')) ended.resolve();
          return isStepwise ? turns(1) : undefined;
        },
        close() {},
      };
      async function* body() {
        yield* pieces;
      }
      const session = createSession(port, () => streamed(body()));
      session.receive(openMessage('a', { window: 1e9 }));
      await ended.promise;
      const parts = messages.filter((text) => text.startsWith('a body')).map((text) => text.slice('a body\n'.length));
      expect(parts.join('')).toBe(pieces.join(''));
      let sent = 0;
      for (const part of parts) {
        expect(part.length).toBeLessThanOrEqual(Math.min(64 * 1024, Math.max(1024, sent)));
        // Half a character.
        expect(part).not.toMatch(/\p{Surrogate}/u);
        sent += part.length;
      }
    });
    await fc.assert(law, { numRuns: 60 });
  });

  it('ends exactly where the window does', async () => {
    async function* body() {
      yield 'x'.repeat(1000);
      await turns(1);
      yield 'y';
    }
    const { session, sent, say } = onPort(() => streamed(body()));
    session.receive(openMessage('a', { window: 1000 }));
    await turns(5);
    expect(sent.slice(1)).toEqual([`a body\n${'x'.repeat(1000)}`]);
    say({ run: 'a', more: 2 });
    await turns(5);
    expect(sent.slice(2)).toEqual(['a body\ny', 'a end\n']);
  });

  it('of a run that is closed in the middle of a long chunk is not sent to its end', async () => {
    const sent: string[] = [];
    const port: SocketPort = {
      send(text) {
        sent.push(text);
        return text.startsWith('a body') ? turns(1) : undefined;
      },
      close() {},
    };
    const session = createSession(port, () => streamed(from(['x'.repeat(1_000_000)])));
    session.receive(openMessage('a', { window: 1e9 }));
    await until(() => sent.length > 3);
    session.receive(JSON.stringify({ run: 'a', close: true }));
    await turns(20);
    expect(sent.length).toBeLessThan(8);
  });

  it('waits for a window in the middle of a long chunk, too', async () => {
    const lengths: number[] = [];
    const port: SocketPort = {
      send: (text) => void (text.startsWith('a body') && lengths.push(text.length - 'a body\n'.length)),
      close() {},
    };
    const session = createSession(port, () => streamed(from(['x'.repeat(1_000_000)])));
    session.receive(openMessage('a', { window: 5000 }));
    await turns(20);
    const sum = () => lengths.reduce((total, length) => total + length, 0);
    expect(sum()).toBe(8 * 1024);
    // What was sent beyond the window is paid back first.
    session.receive(JSON.stringify({ run: 'a', more: 8 * 1024 - 5000 }));
    await turns(20);
    expect(sum()).toBe(8 * 1024);
    session.receive(JSON.stringify({ run: 'a', more: 2_000_000 }));
    await turns(20);
    expect(sum()).toBe(1_000_000);
  });
});

describe('a run whose client does not read on', () => {
  const stuck = (options: Parameters<typeof createSession>[2] = {}) => {
    const clock = byHand();
    const errors: unknown[] = [];
    const signals: AbortSignal[] = [];
    let ended = 0;
    const answer: Answer = ({ signal }) => {
      signals.push(signal);
      const body = async function* () {
        try {
          for (;;) yield 'x'.repeat(2_000);
        } finally {
          ended += 1;
        }
      };
      return streamed(body());
    };
    const onError = (error: unknown) => void errors.push(error);
    const chat = onPort(answer, { clock, onError, maxConnectionMs: Number.POSITIVE_INFINITY, ...options });
    return { ...chat, clock, signals, errors, ended: () => ended };
  };

  it('is let go after a while, for the client to resume it; the others go on', async () => {
    const { session, sent, say, closes, clock, signals, errors, ended } = stuck();
    session.receive(openMessage('a'));
    session.receive(openMessage('b'));
    await turns(5);
    clock.fire();
    await turns(5);
    expect(sent.filter((text) => text.endsWith(' fail\n'))).toEqual(['a fail\n', 'b fail\n']);
    expect([signals.map(({ aborted }) => aborted), ended(), errors, closes]).toEqual([[true, true], 2, [], []]);
    session.receive(openMessage('a'));
    await turns(5);
    const before = sent.length;
    say({ run: 'a', more: 5_000 });
    await turns(5);
    expect(sent.length).toBeGreaterThan(before);
  });

  it('goes on if it reads in time', async () => {
    const { session, sent, say, clock, signals } = stuck();
    session.receive(openMessage('a'));
    await turns(5);
    expect(clock.timers.size).toBe(1);
    say({ run: 'a', more: 1_000_000 });
    expect(clock.timers.size).toBe(0);
    await turns(2);
    expect(sent.length).toBeGreaterThan(5);
    say({ run: 'a', close: true });
    expect(signals[0]?.aborted).toBe(true);
  });

  it('leaves no timer behind when it is closed, or its socket is', async () => {
    const { session, say, clock } = stuck({ stuckMs: 1_000 });
    session.receive(openMessage('a'));
    session.receive(openMessage('b'));
    await turns(5);
    expect(clock.timers.size).toBe(2);
    say({ run: 'a', close: true });
    session.closed();
    expect(clock.timers.size).toBe(0);
  });
});

describe('a socket that takes nothing', () => {
  it.each([100, 4000, 20_000])('has 64 KiB made for a run, and a few (frames of %i)', async (size) => {
    const { socket, say, leave } = heldSocket();
    let made = 0;
    serveWebSocket(socket, () =>
      streamed(
        (async function* () {
          for (; ; made += size) yield 'x'.repeat(size);
        })(),
      ),
    );
    say(openMessage('a', { window: 1e9 }));
    await still(() => made);
    expect(made).toBeLessThanOrEqual((64 + 4) * 1024 + size);
    leave();
  });

  it('is closed with 1013 once refusals pile up, not for a few', async () => {
    const { socket, say, closes } = heldSocket();
    serveWebSocket(socket, () => endless('x'.repeat(10_000)), { maxRuns: 1 });
    say(openMessage('a', { window: 1e9 }));
    await until(() => socket.bufferedAmount > 4_096);
    for (let n = 0; n < 100; n++) say(openMessage(`more-${n}`));
    expect(closes).toEqual([]);
    say(openMessage('last'));
    expect(closes).toEqual([closeCodes.stuck]);
  });
});

// As in workerd, and in older Denos, where a socket throws from the moment in which it begins to close.
describe('a socket that cannot be written to any more', () => {
  it.each([1, 2, 5])('ends its runs, from message %i on, and not the process', async (last) => {
    const { socket, say, leave } = heldSocket();
    const released: string[] = [];
    let sent = 0;
    socket.send = () => {
      if (++sent >= last) throw new DOMException('not open', 'InvalidStateError');
    };
    const told: unknown[] = [];
    serveWebSocket(
      socket,
      ({ signal }) => {
        signal.addEventListener('abort', () => released.push('signal'));
        return streamed(
          (async function* () {
            try {
              for (;;) {
                yield 'x';
                await turns(1);
              }
            } finally {
              released.push('body');
            }
          })(),
        );
      },
      { onError: (error) => told.push(error) },
    );
    say(openMessage('a', { window: 1e9 }));
    await until(() => released.includes('signal'));
    await turns(20);
    // A generator that has not been entered has nothing to release.
    expect(released).toEqual(last === 1 ? ['signal'] : ['signal', 'body']);
    expect([sent, told]).toEqual([last, []]);
    say(openMessage('b'));
    leave();
    expect(sent).toBe(last);
  });
});

describe('a socket that the network empties', () => {
  it('has its runs go on', async () => {
    const { socket, say, leave } = heldSocket();
    let made = 0;
    serveWebSocket(socket, () =>
      streamed(
        (async function* () {
          for (;;) yield 'x'.repeat(1000 + 0 * made++);
        })(),
      ),
    );
    say(openMessage('a', { window: 1e9 }));
    await still(() => made);
    const before = made;
    socket.bufferedAmount = 0;
    await until(() => made > before);
    leave();
  });

  it('counts a run without a body until then, so that what a client can have held is bounded', async () => {
    const { socket, say, closes, leave } = heldSocket();
    const sent = vi.spyOn(socket, 'send');
    serveWebSocket(socket, () => ({ status: 204, headers: { pad: 'x'.repeat(5000) }, body: null }), { maxRuns: 2 });
    for (const run of ['a', 'b', 'c']) say(openMessage(run));
    await turns(2);
    expect(sent.mock.calls.filter(([text]) => text.endsWith(' end\n'))).toEqual([['c end\n']]);
    socket.bufferedAmount = 0;
    await until(() => sent.mock.calls.filter(([text]) => text.endsWith(' end\n')).length === 3);
    expect(closes).toEqual([]);
    leave();
  });
});

describe('with the clock stopped', () => {
  const stopClock = () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
    onTestFinished(() => void vi.useRealTimers());
  };
  const full = () => {
    const held = heldSocket();
    serveWebSocket(held.socket, () => endless('x'.repeat(10_000)), { stuckMs: 1000 });
    held.say(openMessage('a', { window: 1e9 }));
    return held;
  };

  it('a socket is closed once it has taken nothing for `stuckMs`, and not while it takes a little', async () => {
    stopClock();
    const { socket, closes } = full();
    await until(() => socket.bufferedAmount > 4096);
    for (let n = 0; n < 100; n++) {
      socket.bufferedAmount -= 1;
      await vi.advanceTimersByTimeAsync(500);
    }
    expect(closes).toEqual([]);
    await vi.advanceTimersByTimeAsync(1100);
    expect(closes).toEqual([closeCodes.stuck]);
  });

  it('what it has under way ends with that, however long its closing handshake takes', async () => {
    stopClock();
    const { socket, say, closes } = heldSocket();
    const signals: AbortSignal[] = [];
    const send = vi.spyOn(socket, 'send');
    serveWebSocket(
      socket,
      ({ signal }) => {
        signals.push(signal);
        return endless('x'.repeat(10_000));
      },
      { stuckMs: 1000 },
    );
    say(openMessage('a', { window: 1e9 }));
    await until(() => socket.bufferedAmount > 4096);
    await vi.advanceTimersByTimeAsync(1100);
    expect(closes).toEqual([closeCodes.stuck]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    const sent = send.mock.calls.length;
    socket.bufferedAmount = 0;
    await vi.advanceTimersByTimeAsync(1000);
    await turns(20);
    expect(send).toHaveBeenCalledTimes(sent);
  });

  it('a client that reads its refusals may have as many as it likes', async () => {
    stopClock();
    const { socket, say, closes } = heldSocket();
    serveWebSocket(socket, () => new Promise(() => {}), { maxRuns: 1, highWaterBytes: 100 });
    say(openMessage('a'));
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 60; n++) say(openMessage(`more-${n}`));
      socket.bufferedAmount = 0;
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(closes).toEqual([]);
  });

  it('a socket that is gone leaves no timer', async () => {
    stopClock();
    const { socket, leave } = full();
    const pinged = heldSocket();
    serveWebSocket(Object.assign(pinged.socket, { ping() {} }), () => endless('x'));
    await until(() => socket.bufferedAmount > 4096);
    leave();
    pinged.leave();
    await vi.advanceTimersByTimeAsync(100);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('the handshake', () => {
  it('compares whole origins', () => {
    const allowed = ['https://app.example', 'http://localhost:5173'];
    for (const origin of allowed) expect(isAllowedOrigin(origin, allowed)).toBe(true);
    for (const origin of [
      'https://evil.example',
      'https://app.example.evil.example',
      'http://app.example',
      'https://app.example:444',
      'null',
      '',
      undefined,
      null,
    ])
      expect(isAllowedOrigin(origin, allowed)).toBe(false);
    expect(isAllowedOrigin('null', ['null'])).toBe(false);
    for (const none of [undefined, null]) expect(isAllowedOrigin(none, allowed, { allowMissing: true })).toBe(true);
  });

  it('is refused with 403 before any WebSocket exists', async () => {
    const sockets = new WebSocketServer({ noServer: true });
    const connections = vi.fn();
    sockets.on('connection', connections);
    const server = createServer();
    server.on('upgrade', (request, socket, head) => {
      if (!isAllowedOrigin(request.headers.origin, ['https://app.example'])) return refuseUpgrade(socket);
      sockets.handleUpgrade(request, socket, head, (ws) => sockets.emit('connection', ws, request));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const client of sockets.clients) client.terminate();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const status = (origin: string) =>
      new Promise<number>((resolve) => {
        const socket = new WebSocket(`ws://127.0.0.1:${port}`, { origin, headers: { cookie: 'session=1' } });
        socket.on('unexpected-response', (_request, response) => resolve(response.statusCode as number));
        socket.on('open', () => resolve(101));
        socket.on('error', () => {});
      });
    expect(await status('https://evil.example')).toBe(403);
    expect(await status('null')).toBe(403);
    expect(connections).not.toHaveBeenCalled();
    expect(await status('https://app.example')).toBe(101);
  });

  it('has room for a reason of 123 bytes, cut between characters', () => {
    expect(closeReason('short')).toBe('short');
    expect(closeReason('x'.repeat(200))).toBe('x'.repeat(123));
    expect(new TextEncoder().encode(closeReason('é'.repeat(100))).byteLength).toBe(122);
    expect(new TextEncoder().encode(closeReason('😀'.repeat(100))).byteLength).toBe(120);
  });
});

describe('a client', () => {
  const isCode = (code: string) => expect.toSatisfy((error: unknown) => isTransportError(error) && error.code === code);

  it('has one socket for many runs, made when it is needed', async () => {
    const { url, server } = await start((request) => ({
      status: 200,
      headers: {},
      body: new URL(request.url).pathname,
    }));
    const connection = openWebSocket(url);
    onTestFinished(() => connection.close());
    expect(server.clients.size).toBe(0);
    const answers = await Promise.all(['/a', '/b', '/c'].map(async (path) => (await connection.fetch(path)).text()));
    expect(answers).toEqual(['/a', '/b', '/c']);
    const [first] = server.clients;
    expect(await (await connection.fetch('/d')).text()).toBe('/d');
    expect([...server.clients]).toEqual([first]);
  });

  it('takes a URL or a request, as `fetch` does', async () => {
    const { url } = await start(async (request) => ({
      status: 200,
      headers: {},
      body: `${request.method} ${request.url} ${request.headers.get('name')} ${await request.text()}`,
    }));
    const connection = openWebSocket(url);
    onTestFinished(() => connection.close());
    const asked = new URL('https://app.example/a?b=c');
    expect(await (await connection.fetch(asked)).text()).toBe('GET http://localhost/a?b=c null ');
    const request = new Request(asked, { method: 'PUT', headers: { name: 'value' }, body: '{}' });
    expect(await (await connection.fetch(request)).text()).toBe('PUT http://localhost/a?b=c value {}');
  });

  it.each([204, 205, 304])('gets an answer that has no body (%i)', async (status) => {
    const { url } = await start(() => ({ status, headers: {}, body: null }));
    const connection = openWebSocket(url);
    onTestFinished(() => connection.close());
    expect(await connection.fetch('/')).toMatchObject({ status, body: null });
  });

  it('is told of an answer that breaks off before it begins, and the others go on', async () => {
    const { url, server } = await start((request) =>
      request.url.endsWith('/ok') ? { status: 200, headers: {}, body: 'ok' } : Promise.reject(new Error('secret')),
    );
    const connection = openWebSocket(url);
    onTestFinished(() => connection.close());
    expect(await (await connection.fetch('/ok')).text()).toBe('ok');
    const [first] = server.clients;
    await expect(connection.fetch('/')).rejects.toEqual(isCode('transport.interrupted'));
    expect(await (await connection.fetch('/ok')).text()).toBe('ok');
    expect([...server.clients]).toEqual([first]);
  });

  it('asks for what has no body also where `Request` has no `body`, as in Firefox', async () => {
    const { url, server } = await start((request) => ({ status: 200, headers: {}, body: request.method }));
    vi.spyOn(Request.prototype, 'body', 'get').mockReturnValue(undefined as never);
    onTestFinished(() => void vi.restoreAllMocks());
    const connection = openWebSocket(url);
    onTestFinished(() => connection.close());
    expect(await (await connection.fetch('/?run=a')).text()).toBe('GET');
    expect(await (await connection.fetch('/', { method: 'POST', body: '{}' })).text()).toBe('POST');
    expect(server.clients.size).toBe(1);
  });

  it('carries the text of a body as it is, and refuses bytes that are no text before it connects', async () => {
    const { url, server } = await start(async (request) => ({ status: 200, headers: {}, body: await request.text() }));
    const connection = openWebSocket(url);
    onTestFinished(() => connection.close());
    const png = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    const form = new FormData();
    form.append('file', new File([png], 'a.png'));
    let connections = 0;
    server.on('connection', () => connections++);
    for (const body of [png, new Blob([png]), form]) {
      const call = connection.fetch('/', { method: 'POST', body });
      await expect(call).rejects.toEqual(isCode('transport.invalid_frame'));
      await expect(call).rejects.toThrow('A WebSocket carries text');
    }
    expect(connections).toBe(0);
    for (const body of ['{"text":"ü😀"}', new TextEncoder().encode('東京'), new URLSearchParams({ a: 'é' })]) {
      const expected = await new Response(body).text();
      expect(await (await connection.fetch('/', { method: 'POST', body })).text()).toBe(expected);
    }
  });

  it('a call that is aborted while the socket opens rejects, and leaves nothing open', async () => {
    const asked: string[] = [];
    const { url, server } = await start((request) => {
      asked.push(new URL(request.url).pathname);
      return { status: 200, headers: {}, body: 'ok' };
    });
    let made = 0;
    class Counted extends WebSocket {
      constructor(...args: ConstructorParameters<typeof WebSocket>) {
        super(...args);
        made++;
      }
    }
    const connection = openWebSocket(url, { WebSocket: Counted as unknown as typeof globalThis.WebSocket });
    onTestFinished(() => connection.close());
    const controller = new AbortController();
    const reason = new Error('enough');
    const opening = connection.fetch('/a', { method: 'POST', body: '{}', signal: controller.signal });
    await until(() => made === 1);
    controller.abort(reason);
    await expect(opening).rejects.toBe(reason);
    // The socket is there for whoever comes next; the server never hears of the call that was given up.
    expect(await (await connection.fetch('/b')).text()).toBe('ok');
    expect([asked, made, server.clients.size]).toEqual([['/b'], 1, 1]);
    connection.close();
    await until(() => server.clients.size === 0);
  });

  describe('that is closed while its socket opens', () => {
    /** A server whose first handshakes are never answered, and how many of them are open. */
    const silentAtFirst = async (silent: number) => {
      const sockets = new WebSocketServer({ noServer: true });
      sockets.on('connection', (socket) => serveWebSocket(socket, () => ({ status: 200, headers: {}, body: 'ok' })));
      const server = createServer();
      const handshakes = { asked: 0, open: 0 };
      server.on('upgrade', (request, socket, head) => {
        handshakes.open++;
        socket.on('error', () => {});
        socket.on('end', () => socket.end());
        socket.on('close', () => handshakes.open--);
        if (++handshakes.asked > silent)
          sockets.handleUpgrade(request, socket, head, (ws) => sockets.emit('connection', ws, request));
        else socket.resume();
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      onTestFinished(() => {
        server.closeAllConnections();
        server.close();
      });
      return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, handshakes };
    };
    const constructors = { "the runtime's": globalThis.WebSocket, "ws's": WebSocket as never };

    it.each(Object.entries(constructors))('rejects its calls and ends the handshake (%s)', async (_, Constructor) => {
      const { url, handshakes } = await silentAtFirst(1);
      const connection = openWebSocket(url, { WebSocket: Constructor });
      const calls = [connection.fetch('/a'), connection.fetch('/b')];
      await until(() => handshakes.asked === 1);
      connection.close();
      for (const call of calls) await expect(call).rejects.toEqual(isCode('transport.network'));
      await until(() => handshakes.open === 0);
    });

    it('connects again for a call that follows', async () => {
      const { url, handshakes } = await silentAtFirst(1);
      const connection = openWebSocket(url);
      const before = connection.fetch('/');
      await until(() => handshakes.asked === 1);
      connection.close();
      const after = connection.fetch('/');
      await expect(before).rejects.toEqual(isCode('transport.network'));
      expect(await (await after).text()).toBe('ok');
      connection.close();
      await until(() => handshakes.open === 0);
    });

    it('opens none for a call that has just begun', async () => {
      const { url, handshakes } = await silentAtFirst(0);
      let made = 0;
      class Counted extends WebSocket {
        constructor(...args: ConstructorParameters<typeof WebSocket>) {
          super(...args);
          made++;
        }
      }
      const connection = openWebSocket(url, { WebSocket: Counted as never });
      const call = connection.fetch('/', { method: 'POST', body: '{}' });
      connection.close();
      await expect(call).rejects.toEqual(isCode('transport.network'));
      const controller = new AbortController();
      const other = connection.fetch('/', { method: 'POST', body: '{}', signal: controller.signal });
      controller.abort(new Error('enough'));
      await expect(other).rejects.toThrow('enough');
      expect([made, handshakes.asked]).toEqual([0, 0]);
    });
  });

  it('a socket that is lost breaks what is open, and the next call connects again', async () => {
    const { url, server } = await start((request) =>
      request.url.endsWith('/x') ? { status: 200, headers: {}, body: 'ok' } : endless('x'),
    );
    const connection = openWebSocket(url);
    onTestFinished(() => connection.close());
    const frames = decodeSse((await connection.fetch('/')).body as ReadableStream<Uint8Array>);
    await frames.next();
    for (const socket of server.clients) socket.terminate();
    await expect(
      (async () => {
        while (!(await frames.next()).done);
      })(),
    ).rejects.toEqual(isCode('transport.interrupted'));
    expect(await (await connection.fetch('/x')).text()).toBe('ok');
  });

  describe('that has given up a request on a socket that says nothing', () => {
    const giveUp = async (connection: ReturnType<typeof openWebSocket>, wait: () => boolean) => {
      const controller = new AbortController();
      const asked = connection.fetch('/', { signal: controller.signal });
      await until(wait);
      controller.abort(new Error('too late'));
      await expect(asked).rejects.toThrow('too late');
    };

    it('asks over another one, and closes it', async () => {
      let made = 0;
      const { url, server } = await start(() => ({ status: 200, headers: {}, body: 'ok' }));
      const serve = server.listeners('connection')[0] as (socket: WebSocket) => void;
      server.off('connection', serve);
      let heard = 0;
      // The first one is dead and open: what comes is not answered.
      server.on('connection', (socket) => (++made === 1 ? socket.on('message', () => heard++) : serve(socket)));
      const connection = openWebSocket(url, { quietMs: 0 });
      onTestFinished(() => connection.close());
      await giveUp(connection, () => heard === 1);
      expect(await (await connection.fetch('/')).text()).toBe('ok');
      expect(made).toBe(2);
      await until(() => server.clients.size === 1);
    });

    it('does so also when the socket does not open', async () => {
      const sockets = new WebSocketServer({ noServer: true });
      sockets.on('connection', (socket) => serveWebSocket(socket, () => ({ status: 200, headers: {}, body: 'ok' })));
      const server = createServer();
      let asked = 0;
      server.on('upgrade', (request, socket, head) => {
        if (++asked > 1) sockets.handleUpgrade(request, socket, head, (ws) => sockets.emit('connection', ws, request));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const connection = openWebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, { quietMs: 0 });
      onTestFinished(() => {
        connection.close();
        server.closeAllConnections();
        server.close();
      });
      await giveUp(connection, () => asked === 1);
      expect(await (await connection.fetch('/')).text()).toBe('ok');
      expect(asked).toBe(2);
    });

    it('leaves what else goes on there alone', async () => {
      const goOn = deferred<void>();
      let isAsked = false;
      const { url, server } = await start((request) => {
        if (request.url.endsWith('/a'))
          return streamed(
            (async function* () {
              yield encodeSse({ data: 'one' });
              await goOn.promise;
              yield encodeSse({ data: 'two' });
            })(),
          );
        if (request.url.endsWith('/ok')) return { status: 200, headers: {}, body: 'ok' };
        isAsked = true;
        return new Promise<Reply>(() => {});
      });
      const connection = openWebSocket(url, { quietMs: 0 });
      onTestFinished(() => connection.close());
      const frames = decodeSse((await connection.fetch('/a')).body as ReadableStream<Uint8Array>);
      expect((await frames.next()).value).toMatchObject({ data: 'one' });
      const shorter = await connection.fetch('/a');
      await giveUp(connection, () => isAsked);
      expect(await (await connection.fetch('/ok')).text()).toBe('ok');
      await shorter.body?.cancel();
      await turns(20);
      expect(server.clients.size).toBe(2);
      goOn.resolve();
      expect((await frames.next()).value).toMatchObject({ data: 'two' });
      expect((await frames.next()).done).toBe(true);
      await until(() => server.clients.size === 1);
      const [newer] = server.clients;
      expect(await (await connection.fetch('/ok')).text()).toBe('ok');
      expect([...server.clients]).toEqual([newer]);
    });

    it('closes that one, too, when it is closed', async () => {
      let isAsked = false;
      const { url, server } = await start((request) => {
        if (request.url.endsWith('/a')) return endless('a');
        if (request.url.endsWith('/ok')) return { status: 200, headers: {}, body: 'ok' };
        isAsked = true;
        return new Promise<Reply>(() => {});
      });
      const connection = openWebSocket(url, { quietMs: 0 });
      const frames = decodeSse((await connection.fetch('/a')).body as ReadableStream<Uint8Array>);
      await frames.next();
      await giveUp(connection, () => isAsked);
      expect(await (await connection.fetch('/ok')).text()).toBe('ok');
      expect(server.clients.size).toBe(2);
      connection.close();
      await expect(
        (async () => {
          while (!(await frames.next()).done);
        })(),
      ).rejects.toEqual(isCode('transport.interrupted'));
      await until(() => server.clients.size === 0);
    });

    it('does so behind a sleep, for which a monotonic clock stands still', async () => {
      let isAsked = false;
      const { url, server } = await start((request) => {
        if (request.url.endsWith('/ok')) return { status: 200, headers: {}, body: 'ok' };
        isAsked = true;
        return new Promise<Reply>(() => {});
      });
      const connection = openWebSocket(url);
      onTestFinished(() => connection.close());
      expect(await (await connection.fetch('/ok')).text()).toBe('ok');
      const wakesAt = Date.now() + 3_600_000;
      vi.spyOn(Date, 'now').mockReturnValue(wakesAt);
      onTestFinished(() => void vi.restoreAllMocks());
      await giveUp(connection, () => isAsked);
      let asked = 0;
      server.on('connection', () => asked++);
      expect(await (await connection.fetch('/ok')).text()).toBe('ok');
      expect(asked).toBe(1);
    });

    it('stays where it was heard a short while ago', async () => {
      let isAsked = false;
      const { url, server } = await start((request) => {
        if (request.url.endsWith('/ok')) return { status: 200, headers: {}, body: 'ok' };
        isAsked = true;
        return new Promise<Reply>(() => {});
      });
      const connection = openWebSocket(url);
      onTestFinished(() => connection.close());
      expect(await (await connection.fetch('/ok')).text()).toBe('ok');
      await giveUp(connection, () => isAsked);
      expect(await (await connection.fetch('/ok')).text()).toBe('ok');
      expect(server.clients.size).toBe(1);
    });
  });

  it.each([
    ['a header that is none', JSON.stringify({ status: 200, headers: { name: '中' } })],
    ['a status that is none', JSON.stringify({ status: 1000, headers: {} })],
  ])('a head with %s fails its request, and the others go on', async (_what, head) => {
    const { url, server } = await start(() => ({ status: 200, headers: {}, body: 'fine' }));
    server.removeAllListeners('connection');
    server.on('connection', (socket) => {
      socket.on('message', (data) => {
        const { run, open } = JSON.parse(String(data));
        if (open === undefined) return;
        socket.send(`${run} head\n${open.path === '/bad' ? head : '{"status":200,"headers":{}}'}`);
        socket.send(`${run} body\nfine`);
        socket.send(`${run} end\n`);
      });
    });
    const connection = openWebSocket(url);
    onTestFinished(() => connection.close());
    await expect(connection.fetch('/bad')).rejects.toMatchObject({ code: 'transport.invalid_frame' });
    expect(await (await connection.fetch('/good')).text()).toBe('fine');
    expect(server.clients.size).toBe(1);
  });

  /** A client whose server says to each request what `saying` returns. */
  const told = (saying: (run: string) => unknown[], options: Parameters<typeof openWebSocket>[1] = {}) => {
    const heard: { run: string; close?: boolean }[] = [];
    const closes: (number | undefined)[] = [];
    class Told extends EventTarget {
      readyState = 1;
      constructor() {
        super();
        queueMicrotask(() => this.dispatchEvent(new Event('open')));
      }
      send(text: string) {
        const message = JSON.parse(text);
        heard.push(message);
        if (message.open === undefined) return;
        for (const data of saying(message.run)) this.dispatchEvent(new MessageEvent('message', { data }));
      }
      close(code?: number) {
        closes.push(code);
      }
    }
    return { heard, closes, connection: openWebSocket('ws://x', { ...options, WebSocket: Told as never }) };
  };
  const ok = (run: string, body: string) => [
    `${run} head\n{"status":200,"headers":{}}`,
    `${run} body\n${body}`,
    `${run} end\n`,
  ];

  it('passes over messages that are none, are of a kind that it does not know, or of a run that is over', async () => {
    const strange = (run: string) => ['', '\n', run, `${run} body`, `${run}body\nx`, ' body\nx', 'r0 body\nx'];
    const { connection, heard, closes } = told((run) => [
      ...strange(run),
      new TextEncoder().encode(`${run} end\n`).buffer,
      `${run} sparkle\nx`,
      ...ok(run, 'fine'),
      ...ok(run, 'late'),
    ]);
    expect(await (await connection.fetch('/')).text()).toBe('fine');
    expect(closes).toEqual([]);
    // Nor is the server asked to stop an answer that it has given.
    expect(heard).toMatchObject([{ run: 'r1', open: {} }]);
  });

  it.each(['', '{', 'null', '[]', '{"status":"200","headers":{}}', '{"status":200}', '{"status":200,"headers":[]}'])(
    'lets go with 4400 of a server whose head is %j',
    async (head) => {
      const { connection, closes } = told((run) => [`${run} head\n${head}`]);
      await expect(connection.fetch('/')).rejects.toEqual(isCode('transport.interrupted'));
      expect(closes).toEqual([closeCodes.badMessage]);
    },
  );

  it('lets go with 4009 of a server whose message is a character too long', async () => {
    const fits = ok('r1', 'x'.repeat(93));
    const { connection, closes } = told((run) => (run === 'r1' ? fits : [`${fits[1]}x`]), { maxMessageLength: 101 });
    expect(await (await connection.fetch('/')).text()).toBe('x'.repeat(93));
    expect(closes).toEqual([]);
    await expect(connection.fetch('/')).rejects.toEqual(isCode('transport.interrupted'));
    expect(closes).toEqual([closeCodes.tooLargeForClient]);
  });

  it('takes a socket that cannot be written to any more for lost, and connects again', async () => {
    let made = 0;
    class Closing extends EventTarget {
      readonly nth = ++made;
      sent = 0;
      constructor() {
        super();
        queueMicrotask(() => this.dispatchEvent(new Event('open')));
      }
      send(text: string) {
        if (this.nth === 1 && ++this.sent > 1) throw new DOMException('not open', 'InvalidStateError');
        const { run } = JSON.parse(text);
        const messages = this.nth === 1 ? ok(run, 'begun').slice(0, 2) : ok(run, 'fine');
        for (const data of messages) this.dispatchEvent(new MessageEvent('message', { data }));
      }
      close() {}
    }
    const leaving = new AbortController();
    const connection = openWebSocket('ws://x', { WebSocket: Closing as never });
    const [begun, left] = [await connection.fetch('/'), connection.fetch('/', { signal: leaving.signal })];
    await expect(left).rejects.toEqual(isCode('transport.interrupted'));
    await expect(begun.text()).rejects.toEqual(isCode('transport.interrupted'));
    leaving.abort();
    expect(await (await connection.fetch('/')).text()).toBe('fine');
    expect(made).toBe(2);
  });

  // What waits for a slow reader would have no bound otherwise: a WebSocket has no backpressure of its own.
  it('gives up an answer of which the server sends more than it was asked for', async () => {
    const body = (run: string, length: number) => `${run} body\n${'x'.repeat(length)}`;
    const { connection, heard } = told(
      (run) => [ok(run, '')[0], body(run, 9), ...(run === 'r1' ? [body(run, 50), body(run, 1)] : [body(run, 50)])],
      { windowLength: 10 },
    );
    await expect((await connection.fetch('/')).text()).rejects.toEqual(isCode('transport.invalid_frame'));
    expect(heard).toMatchObject([
      { run: 'r1', open: {} },
      { run: 'r1', close: true },
    ]);
    // One message may be longer than what is left of the window.
    const reader = (await connection.fetch('/')).body?.getReader();
    expect((await reader?.read())?.value).toHaveLength(9);
    expect((await reader?.read())?.value).toHaveLength(50);
    connection.close();
  });

  it('has no answer from a server that ends it before its head', async () => {
    const { connection, heard } = told((run) => [`${run} end\n`]);
    await expect(connection.fetch('/')).rejects.toEqual(isCode('transport.invalid_frame'));
    expect(heard).toMatchObject([{ run: 'r1', open: {} }]);
  });

  it('has the server stop an answer whose head is not valid in HTTP', async () => {
    const { connection, heard } = told((run) => [`${run} head\n{"status":1000,"headers":{}}`]);
    await expect(connection.fetch('/')).rejects.toEqual(isCode('transport.invalid_frame'));
    expect(heard.at(-1)).toEqual({ run: 'r1', close: true });
  });

  it('rejects where a socket opens and is lost at once', async () => {
    class Lost extends EventTarget {
      constructor() {
        super();
        queueMicrotask(() => ['open', 'close'].forEach((type) => void this.dispatchEvent(new Event(type))));
      }
      send() {}
      close() {}
    }
    const connection = openWebSocket('ws://x', { WebSocket: Lost as never });
    await expect(connection.fetch('/')).rejects.toEqual(isCode('transport.network'));
  });

  it('a second head of one run changes nothing', async () => {
    const { url, server } = await start(() => ({ status: 200, headers: {}, body: null }));
    server.removeAllListeners('connection');
    server.on('connection', (socket) => {
      socket.on('message', (data) => {
        const { run, open } = JSON.parse(String(data));
        if (open === undefined) return;
        for (let count = 0; count < 2; count++) socket.send(`${run} head\n{"status":200,"headers":{}}`);
        socket.send(`${run} body\nfine`);
        socket.send(`${run} end\n`);
      });
    });
    const connection = openWebSocket(url);
    onTestFinished(() => connection.close());
    expect(await (await connection.fetch('/')).text()).toBe('fine');
  });

  it('no server: transport.network, retryable, and it can be tried again', async () => {
    const free = createServer();
    await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
    const { port } = free.address() as AddressInfo;
    await new Promise((resolve) => free.close(resolve));
    const connection = openWebSocket(`ws://127.0.0.1:${port}`);
    for (let n = 0; n < 2; n++) await expect(connection.fetch('/')).rejects.toEqual(isCode('transport.network'));
  });

  it('drops a server whose message is too large', async () => {
    const { url } = await start(() => ({ status: 200, headers: {}, body: 'x'.repeat(5000) }));
    const connection = openWebSocket(url, { maxMessageLength: 1000 });
    await expect((async () => (await connection.fetch('/')).text())()).rejects.toEqual(isCode('transport.interrupted'));
  });

  it('a consumer that does not read holds the maker back, and another run on the socket goes on', async () => {
    const made = { count: 0 };
    const { url } = await start((request) =>
      endless('x'.repeat(10_000), request.url.endsWith('/slow') ? made : undefined),
    );
    const connection = openWebSocket(url);
    onTestFinished(() => connection.close());
    await connection.fetch('/slow');
    const other = decodeSse((await connection.fetch('/other')).body as ReadableStream<Uint8Array>);
    for (let n = 0; n < 500; n++) await other.next();
    const before = made.count;
    for (let n = 0; n < 500; n++) await other.next();
    expect(made.count).toBe(before);
    expect(made.count * 10_000).toBeLessThan(1024 * 1024);
    await other.return?.();
  });
});
