// Of docs/reference/security.md: the WebSocket in front of a chat, signed in by a cookie as pages are.
// Malformed messages, window and close codes are in packages/transport/test/web-socket.test.ts.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { hang, say, scriptedResponder } from '@chatkit/testing';
import { isAllowedOrigin, refuseUpgrade, serveWebSocket } from '@chatkit/transport/ws';
import { expect, test } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import {
  ada,
  atEnd,
  create,
  exchange,
  expectUnharmed,
  open,
  optIn,
  post,
  startChat,
  statusOf,
  until,
} from './support.ts';

const page = 'https://app.example';

/** The chat with a WebSocket beside it. */
const startSockets = async (options: Parameters<typeof startChat>[0] = {}) => {
  const chat = await startChat(options);
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 1024 * 1024, perMessageDeflate: false });
  const closes: number[] = [];
  chat.http.on('upgrade', (request, socket, head) => {
    if (!isAllowedOrigin(request.headers.origin, [page])) return refuseUpgrade(socket);
    const userId = /user=(\w+)/.exec(request.headers.cookie ?? '')?.[1];
    if (userId === undefined) return refuseUpgrade(socket);
    sockets.handleUpgrade(request, socket, head, (ws) => {
      ws.on('close', (code) => closes.push(code));
      serveWebSocket(ws, (asked) => chat.server.reply(asked, { userId }));
    });
  });
  atEnd(() => {
    for (const socket of sockets.clients) socket.terminate();
    sockets.close();
  });
  return { chat, sockets, closes, url: `ws://127.0.0.1:${chat.port}` };
};

const handshake = (headers: Record<string, string>) =>
  `GET /chatkit HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${Object.entries(
    headers,
  )
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`;

const openMessage = (run: string, body: object | null, headers: Record<string, string> = {}, path = '/') =>
  JSON.stringify({
    run,
    window: 1_000_000,
    open: {
      method: body === null ? 'GET' : 'POST',
      path,
      headers: { 'content-type': 'application/json', ...optIn, ...headers },
      body: body === null ? null : JSON.stringify(body),
    },
  });

const connectAs = async (url: string, user: string) => {
  const socket = new WebSocket(url, { origin: page, headers: { cookie: `user=${user}` } });
  const messages: string[] = [];
  socket.on('message', (data) => messages.push(String(data)));
  socket.on('error', () => {});
  await once(socket, 'open');
  atEnd(() => socket.terminate());
  const heard = async (start: string) => {
    await until(() => messages.some((text) => text.startsWith(start)));
    return messages.filter((text) => text.startsWith(start.split(' ')[0] as string)).join('\n');
  };
  return { socket, messages, heard };
};

/** A client's frame, masked with zeros. */
const frame = (opcode: number, payload: Uint8Array | string, fin = true) => {
  const bytes = Buffer.from(payload);
  const length = bytes.length < 126 ? [0x80 | bytes.length] : [0x80 | 126, bytes.length >> 8, bytes.length & 255];
  return Buffer.concat([Buffer.from([(fin ? 0x80 : 0) | opcode, ...length, 0, 0, 0, 0]), bytes]);
};

test.each<[string, Record<string, string>]>([
  ['an evil page, with the cookie', { origin: 'https://evil.example', cookie: 'user=ada' }],
  ['a sandboxed frame', { origin: 'null', cookie: 'user=ada' }],
  ['an origin that begins alike', { origin: `${page}.evil.example`, cookie: 'user=ada' }],
  ['no origin, on the cookie alone', { cookie: 'user=ada' }],
  ['the right page without a cookie', { origin: page }],
])('hijacking: %s gets 403 before there is a WebSocket', async (_, headers) => {
  const { chat, sockets } = await startSockets();
  const { text, closed } = await exchange(chat.port, handshake(headers));
  expect([statusOf(text), closed, sockets.clients.size]).toEqual([403, true, 0]);
  await expectUnharmed(chat);
});

test('a message cannot say who it is from, and opens no run of somebody else', async () => {
  const { chat, url } = await startSockets({ respond: scriptedResponder([say('secret'), hang()]) });
  const stream = await post(chat.url, create(), { ...ada, ...optIn, 'chatkit-run-id': 'of_ada' });
  const mallory = await connectAs(url, 'eve');
  const claims = { cookie: 'user=ada', origin: page, host: 'localhost', 'x-user': 'ada', 'x-forwarded-user': 'ada' };
  mallory.socket.send(openMessage('a', null, claims, '/?run=of_ada'));
  mallory.socket.send(openMessage('b', { type: 'runs.cancel', params: { run_id: 'of_ada' } }, claims));
  mallory.socket.send(openMessage('c', null, claims, '/?run=of_nobody'));
  await Promise.all([mallory.heard('a end'), mallory.heard('b end'), mallory.heard('c end')]);
  const of = (run: string) =>
    mallory.messages.filter((text) => text.startsWith(`${run} `)).map((text) => text.slice(1));
  expect(of('a')[0]).toContain('"status":404');
  expect(of('a')).toEqual(of('c'));
  expect(of('b')).toEqual(of('c'));
  expect(mallory.messages.join()).not.toContain('secret');
  await stream.body?.cancel();
});

test.each<[string, () => Uint8Array, number]>([
  ['a frame over the limit', () => Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0]), 1009],
  [
    '200,000 empty fragments',
    () => Buffer.concat([frame(1, '', false), ...Array(200_000).fill(frame(0, '', false))]),
    1008,
  ],
  [
    'fragments that add up',
    () => Buffer.concat([frame(1, '', false), ...Array(40).fill(frame(0, 'x'.repeat(60_000), false))]),
    1009,
  ],
  ['a compressed frame', () => Buffer.from([0xc1, 0x80, 0, 0, 0, 0]), 1002],
  ['text that is no UTF-8', () => frame(1, Buffer.from([0xff, 0xfe])), 1007],
  ['a message without a run', () => frame(1, '{}'), 4400],
  ['bytes instead of text', () => frame(2, 'x'), 4400],
  ['an unknown request', () => frame(1, '{"run":"a","explode":true}'), 4400],
])('%s closes the socket', async (_, bytes, code) => {
  const { chat, sockets, closes } = await startSockets();
  const socket = await open(chat.port);
  socket.write(handshake({ origin: page, cookie: 'user=ada' }));
  await once(socket, 'data');
  let answered = Buffer.alloc(0);
  socket.on('data', (data) => {
    answered = Buffer.concat([answered, data]);
  });
  socket.write(bytes());
  await until(() => answered.length >= 4 || socket.destroyed);
  expect([answered[0], answered.readUInt16BE(2)]).toEqual([0x88, code]);
  socket.destroy();
  await until(() => sockets.clients.size === 0);
  expect(closes).toHaveLength(1);
  await expectUnharmed(chat);
});

test('10,000 runs on one socket: 32 are opened, the others refused, and the socket goes on', async () => {
  const { chat, url } = await startSockets();
  const respond = scriptedResponder([hang()]);
  chat.server.respond = respond;
  const mallory = await connectAs(url, 'eve');
  for (let run = 0; run < 10_000; run += 1) mallory.socket.send(openMessage(`r${run}`, create()));
  await mallory.heard('r9999 end');
  expect(mallory.messages.filter((text) => text.includes('"status":429'))).toHaveLength(9_968);
  await until(() => respond.calls.length === 32);
});

/** Until it drains, is closed, or the time is up. */
const drained = (socket: Socket, ms: number) =>
  new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    socket.on('drain', done);
    socket.on('close', done);
  });

test('refusals that nobody reads are not piled up: the socket is let go', async () => {
  const { chat, sockets, closes } = await startSockets({ respond: scriptedResponder([hang()]) });
  const socket = await open(chat.port);
  socket.write(handshake({ origin: page, cookie: 'user=eve' }));
  await once(socket, 'data');
  socket.pause();
  const server = [...sockets.clients][0] as WebSocket;
  const batch = (of: number) =>
    Buffer.concat(
      Array.from({ length: 1_000 }, (_, run) => frame(1, openMessage(`r${of}-${run}${'x'.repeat(100)}`, create()))),
    );
  let most = 0;
  for (let sent = 0; sent < 400 && !socket.destroyed && sockets.clients.size > 0; sent += 1) {
    if (!socket.write(batch(sent))) await drained(socket, 500);
    most = Math.max(most, server.bufferedAmount);
  }
  expect(most).toBeLessThan(1024 * 1024);
  await until(() => sockets.clients.size === 0);
  expect(closes).toHaveLength(1);
});
