import type { AddressInfo } from 'node:net';
import { hang, say, scriptedResponder, wait } from '@chatkit/testing';
import { openWebSocket, serveWebSocket } from '@chatkit/transport/ws';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { createChatClient } from '../src/index.ts';
import { testChat, textOf, texts, until } from './support/chat.ts';

describe('over WebSocket', () => {
  const words = Array.from({ length: 30 }, (_, index) => `wörd${index}`);
  let sockets: WebSocketServer;
  const respond = scriptedResponder((_, index) =>
    index === 0 ? words.flatMap((word) => [say(word), wait(3)]) : [say('a'), hang()],
  );

  beforeEach(async () => {
    respond.calls.length = 0;
    const { server } = testChat({ respond, retryMs: 500 });
    sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    sockets.on('connection', (socket) => {
      serveWebSocket(socket, (request) => server.reply(request, { userId: 'ada' }));
    });
    await new Promise((resolve) => sockets.once('listening', resolve));
  });
  afterEach(async () => {
    for (const socket of sockets.clients) socket.terminate();
    await new Promise((resolve) => sockets.close(resolve));
  });

  const chat = () => {
    const address = `ws://127.0.0.1:${(sockets.address() as AddressInfo).port}/chatkit`;
    const { fetch } = openWebSocket(address);
    return createChatClient({ url: 'http://chat.test/chatkit', fetch, extensions: true, random: () => 0 });
  };

  it('an answer survives sockets that are lost, and has everything once', async () => {
    const client = chat();
    const run = client.send('Hi');
    for (const shown of [4, 12, 20]) {
      await until(client, () => client.getSnapshot().items.length >= shown);
      for (const socket of sockets.clients) socket.terminate();
    }
    expect(await run.done).toBe('completed');
    expect(texts(client)).toEqual(['Hi', ...words]);
    expect(respond.calls).toHaveLength(1);
  });

  it('stop reaches the server', async () => {
    const client = chat();
    await client.send('first').done;
    const run = client.send('Hi');
    await until(client, () => textOf(client.getSnapshot().items.at(-1)) === 'a');
    await client.stop();
    expect(await run.done).toBe('cancelled');
    expect(respond.calls[1]?.outcome).not.toBe('running');
  });
});
