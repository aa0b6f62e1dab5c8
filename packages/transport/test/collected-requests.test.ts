// A `Request` follows the signal that it was made with only while somebody holds it. Whatever the garbage collector
// takes in between, a client that leaves is noticed.
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocketServer } from 'ws';
import type { Reply } from '../src/index.ts';
import { openWebSocket, serveWebSocket } from '../src/ws/index.ts';
import { deferred, turns } from './support/turns.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What nobody holds is gone afterwards. */
const forget = async () => {
  await turns(5);
  collectGarbage();
  await turns(5);
};

const start = async (answer: (request: Request) => Promise<Reply> | Reply) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await new Promise((resolve) => server.once('listening', resolve));
  server.on('connection', (socket) => serveWebSocket(socket, answer));
  const connection = openWebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  onTestFinished(() => {
    connection.close();
    server.close();
  });
  return connection;
};

/** Frames without end; `aborted` resolves when the request is. */
const endless = () => {
  const aborted = deferred();
  const answer = ({ signal }: Request): Reply => {
    signal.addEventListener('abort', () => aborted.resolve());
    return {
      status: 200,
      headers: { 'content-type': 'text/event-stream' },
      body: (async function* () {
        yield 'data: open\n\n';
        await aborted.promise;
      })(),
    };
  };
  return { aborted: aborted.promise, answer };
};

test('a server hears of a client that leaves', async () => {
  const { aborted, answer } = endless();
  const { fetch } = await start(answer);
  const response = await fetch('/frames');
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  await reader.read();
  await forget();
  await reader.cancel();
  await aborted;
});

test('a server hears of a client that leaves before there is an answer', async () => {
  const asked = deferred();
  const aborted = deferred();
  const { fetch } = await start(({ signal }) => {
    signal.addEventListener('abort', () => aborted.resolve());
    asked.resolve();
    return new Promise(() => {});
  });
  const controller = new AbortController();
  const answer = fetch('/frames', { signal: controller.signal });
  await asked.promise;
  await forget();
  controller.abort(new Error('gone'));
  await expect(answer).rejects.toThrow('gone');
  await aborted.promise;
});

test.each(['its own', "the request's"])(
  'a client that aborts %s signal breaks the body, and the server hears of it',
  async (whose) => {
    const { aborted, answer } = endless();
    const { fetch } = await start(answer);
    const controller = new AbortController();
    const { signal } = controller;
    const url = 'http://localhost/frames';
    const response = await (whose === 'its own' ? fetch(url, { signal }) : fetch(new Request(url, { signal })));
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    await forget();
    const next = reader.read();
    controller.abort(new Error('stop'));
    await expect(next).rejects.toThrow('stop');
    await aborted;
  },
);
