/** What a client can do, over each transport: one list of promises, kept over real sockets that a proxy breaks. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { assistantMessage, itemAdded, itemDone, progressUpdate, textDelta } from '@chatkit/core';
import { toNodeHandler } from '@chatkit/server/node';
import {
  until as after,
  createVirtualClock,
  hang,
  type ScriptStep,
  say,
  scriptedResponder,
  wait,
} from '@chatkit/testing';
import { createFaultProxy, type FaultProxy } from '@chatkit/testing/node';
import { openWebSocket, serveWebSocket } from '@chatkit/transport/ws';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocketServer } from 'ws';
import { type ChatClientOptions, createChatClient } from '../src/index.ts';
import { testChat, textOf, texts, until } from './support/chat.ts';
import { atOnce } from './support/schedulers.ts';

type Server = ReturnType<typeof testChat>['server'];
const ada = { userId: 'ada' };

/** A chat server behind a transport, and what reaches it. */
interface Transport {
  listen(server: Server): Promise<{ port: number; close(): Promise<void> }>;
  /** The `fetch` of one client that goes through the proxy. */
  fetch(proxy: FaultProxy): { send: typeof globalThis.fetch; close(): void };
}

const overHttp: Transport = {
  async listen(server) {
    const http = createServer(toNodeHandler(server, { context: () => ada }));
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    return {
      port: (http.address() as AddressInfo).port,
      async close() {
        http.closeAllConnections();
        await new Promise((resolve) => http.close(resolve));
      },
    };
  },
  fetch: ({ url }) => ({
    send: (input, init) => fetch(String(input).replace('http://chat.test', url), init),
    close() {},
  }),
};

const overWebSocket: Transport = {
  async listen(server) {
    const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    sockets.on('connection', (socket) => {
      serveWebSocket(socket, (request) => server.reply(request, ada));
    });
    await new Promise((resolve) => sockets.once('listening', resolve));
    return {
      port: (sockets.address() as AddressInfo).port,
      async close() {
        for (const socket of sockets.clients) socket.terminate();
        await new Promise((resolve) => sockets.close(resolve));
      },
    };
  },
  fetch({ url }) {
    const connection = openWebSocket(`${url.replace('http', 'ws')}/chatkit`);
    return { send: connection.fetch, close: connection.close };
  },
};

const words = Array.from({ length: 40 }, (_, index) => `wörd${index} `);
const created_at = '2099-01-01T00:00:00Z';
/** A message that is begun. */
const begin = (thread_id: string): ScriptStep[] => [
  itemAdded(assistantMessage({ thread_id, id: 'msg_partial', created_at })),
  textDelta('msg_partial', 'par'),
];
const finish = (thread_id: string): ScriptStep[] => [
  textDelta('msg_partial', 'tial'),
  itemDone(assistantMessage({ thread_id, id: 'msg_partial', created_at, text: 'partial' })),
];
const gate = () => {
  let open!: () => void;
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open };
};

describe.each([
  ['server-sent events', overHttp],
  ['WebSocket', overWebSocket],
])('over %s', (_, transport) => {
  const chat = async (script: (threadId: string, index: number) => readonly ScriptStep[], heartbeatMs?: number) => {
    const respond = scriptedResponder(({ thread }, index) => script(thread.id, index));
    const { server } = testChat({ respond, retryMs: 500, ...(heartbeatMs === undefined ? {} : { heartbeatMs }) });
    const { port, close } = await transport.listen(server);
    const proxy = await createFaultProxy({ port });
    const closers: (() => void)[] = [];
    onTestFinished(async () => {
      for (const end of closers) end();
      await proxy.close();
      await close();
    });
    const client = (options: Partial<ChatClientOptions> = {}) => {
      const { send, close } = transport.fetch(proxy);
      closers.push(close);
      return createChatClient({
        url: 'http://chat.test/chatkit',
        fetch: send,
        extensions: true,
        connection: { baseMs: 500, floorMs: 1 },
        random: () => 0,
        ...options,
      });
    };
    return { respond, proxy, client };
  };

  it.each([false, true])('an answer survives connections that break again and again (reset: %s)', async (reset) => {
    const {
      respond,
      proxy,
      client: make,
    } = await chat(() => [say('first '), ...words.flatMap((word) => [say(word), wait(2)])]);
    const client = make();
    const run = client.send('Hi');
    for (const shown of [2, 5, 9, 14, 20, 27]) {
      await until(client, () => client.getSnapshot().items.length >= shown);
      proxy.cutAll({ reset });
    }
    expect(await run.done).toBe('completed');
    expect(texts(client)).toEqual(['Hi', 'first ', ...words]);
    expect(respond.calls).toHaveLength(1);
  });

  it('a replay gets through a line that breaks every 3,000 bytes', async () => {
    // Some 60 kB, and no event of it larger than 1 kB.
    const parts = Array.from({ length: 80 }, (_, index) => `${index}: `.padEnd(200, 'so much of it, all at once. '));
    const {
      proxy,
      client: make,
      respond,
    } = await chat(() => parts.map((part) => say(part.slice(0, 90), part.slice(90))));
    proxy.setFaults({ cutAfterBytes: 3_000 });
    const client = make();
    expect(await client.send('Hi').done).toBe('completed');
    expect(texts(client)).toEqual(['Hi', ...parts]);
    expect(respond.calls).toHaveLength(1);
  });

  it('an event as large as a server may send comes through', async () => {
    // Each of these is escaped by JSON, and escaped again where the frame is a text within JSON.
    const large = '"\n'.repeat(1.9 * 1024 * 1024);
    const { client: make } = await chat(() => [say(large)]);
    const client = make();
    expect(await client.send('Hi').done).toBe('completed');
    expect(texts(client)[1]?.length).toBe(large.length);
  });

  it('a message whose answer was lost on the way does not arrive twice', async () => {
    const { respond, proxy, client: make } = await chat(() => [say('ok')]);
    const client = make();
    proxy.setFaults({ cutAfterBytes: 10 });
    const run = client.send('Hi');
    await expect.poll(() => client.getSnapshot().connection).toBe('reconnecting');
    proxy.setFaults({});
    expect(await run.done).toBe('completed');
    expect(texts(client)).toEqual(['Hi', 'ok']);
    expect(respond.calls).toHaveLength(1);
  });

  it('a server that is away for a while is waited for', async () => {
    const hold = gate();
    const { proxy, client: make } = await chat((id) => [...begin(id), after(hold.promise), ...finish(id)]);
    const client = make();
    const run = client.send('Hi');
    await until(client, () => texts(client).at(-1) === 'par');
    proxy.setFaults({ refuse: true });
    proxy.cutAll({ reset: true });
    await until(client, () => client.getSnapshot().connection === 'reconnecting');
    hold.open();
    proxy.setFaults({});
    expect(await run.done).toBe('completed');
    expect(await run.closed).toBe('end');
    expect(texts(client)).toEqual(['Hi', 'partial']);
  });

  it('a connection that is dead and open is noticed after 2.5 heartbeats', async () => {
    const clock = createVirtualClock({ startMs: 1 });
    const hold = gate();
    const { proxy, client: make } = await chat((id) => [...begin(id), after(hold.promise), ...finish(id)]);
    const client = make({
      clock,
      scheduler: atOnce,
    });
    const run = client.send('Hi');
    await until(client, () => texts(client).length === 2);
    proxy.blackhole(true);
    await clock.advance(37_400);
    expect(client.getSnapshot().connection).toBe('live');
    await clock.advance(200);
    expect(client.getSnapshot().connection).toBe('reconnecting');
    proxy.cutAll();
    proxy.blackhole(false);
    hold.open();
    let outcome: string | undefined;
    void run.done.then((how) => {
      outcome = how;
    });
    // Two kinds of time: the client's is the test's, the sockets' is real.
    while (outcome === undefined) await clock.advance(100);
    expect(outcome).toBe('completed');
    expect(texts(client)).toEqual(['Hi', 'partial']);
  });

  it('stop before the first event ends the generator', async () => {
    const { respond, client: make } = await chat(() => [hang()]);
    const client = make();
    const run = client.send('Hi');
    await client.stop();
    expect(await run.done).toBe('cancelled');
    expect(await run.closed).toBe('stop');
    expect(client.getSnapshot()).toMatchObject({ status: 'idle', error: undefined });
    await expect.poll(() => respond.calls.every(({ outcome }) => outcome !== 'running')).toBe(true);
  });

  it('stop on a resumed stream ends the generator and keeps the text', async () => {
    const { respond, proxy, client: make } = await chat((id) => [progressUpdate('Thinking'), ...begin(id), hang()]);
    const client = make();
    const run = client.send('Hi');
    await until(client, () => texts(client).at(-1) === 'par');
    proxy.setFaults({ refuse: true });
    proxy.cutAll();
    await until(client, () => client.getSnapshot().connection === 'reconnecting');
    proxy.setFaults({});
    await until(client, () => client.getSnapshot().connection === 'live');
    await client.stop();
    expect(await run.done).toBe('cancelled');
    expect(respond.calls[0]?.outcome).not.toBe('running');
    expect(texts(client)).toEqual(['Hi', 'par']);
  });

  it('stop reaches the run from another client, which has loaded it in the middle', async () => {
    const { respond, client: make } = await chat((id) => [say('one'), ...begin(id), hang()]);
    const one = make();
    const run = one.send('Hi');
    await until(one, () => texts(one).at(-1) === 'par');
    const two = make();
    await two.loadThread(one.getSnapshot().thread?.id ?? '');
    expect(texts(two)).toEqual(['Hi', 'one', 'par']);
    expect(two.getSnapshot()).toMatchObject({ status: 'streaming', canStop: true });
    await two.stop();
    expect([await run.done, await run.closed]).toEqual(['cancelled', 'end']);
    expect(respond.calls[0]?.outcome).not.toBe('running');
    expect(two.getSnapshot().items).toEqual(one.getSnapshot().items);
  });

  it('a loaded run is shown in one piece and then goes on', async () => {
    const hold = gate();
    const deltas = Array.from({ length: 300 }, (_, index) => `${index} `);
    const { client: make } = await chat((id) => [say(...deltas), ...begin(id), after(hold.promise), ...finish(id)]);
    const writer = make();
    const run = writer.send('Hi');
    await until(writer, () => texts(writer).at(-1) === 'par');
    const reader = make();
    const pictures: string[] = [];
    reader.subscribe(() => pictures.push(texts(reader).join('|')));
    await reader.loadThread(writer.getSnapshot().thread?.id ?? '');
    hold.open();
    await until(reader, () => reader.getSnapshot().status === 'idle');
    await run.done;
    const shown = pictures.filter((picture) => picture !== '');
    expect(shown[0]).toBe(`Hi|${deltas.join('')}|par`);
    for (const [index, picture] of shown.entries()) expect(picture.startsWith(shown[index - 1] ?? '')).toBe(true);
    expect(shown.at(-1)).toBe(`Hi|${deltas.join('')}|partial`);
  });

  it('a second message stops the first answer, keeps its text, and is answered', async () => {
    const { client: make } = await chat((id, index) => (index === 0 ? [...begin(id), hang()] : [say('two')]));
    const client = make();
    const first = client.send('1');
    await until(client, () => texts(client).at(-1) === 'par');
    const second = client.send('2');
    expect([await first.done, await first.closed]).toEqual(['cancelled', 'stop']);
    expect(await second.done).toBe('completed');
    expect(texts(client)).toEqual(['1', 'par', '2', 'two']);
  });

  it('letting go stops nothing', async () => {
    const hold = gate();
    const { respond, client: make } = await chat((id) => [...begin(id), after(hold.promise), ...finish(id)]);
    const client = make();
    const run = client.send('Hi');
    await until(client, () => texts(client).at(-1) === 'par');
    const id = client.getSnapshot().thread?.id ?? '';
    client.newThread();
    expect([await run.done, await run.closed]).toEqual(['interrupted', 'navigate']);
    hold.open();
    await expect.poll(() => respond.calls[0]?.outcome).toBe('ended');
    await client.loadThread(id);
    await until(client, () => client.getSnapshot().status === 'idle');
    expect(textOf(client.getSnapshot().items.at(-1))).toBe('partial');
  });

  it('what the server refuses is told with its own words', async () => {
    const { client: make } = await chat(() => []);
    const client = make();
    await expect(client.loadThread('thr_none')).rejects.toMatchObject({ code: 'thread.not_found' });
    expect(client.getSnapshot()).toMatchObject({ status: 'idle', error: { code: 'thread.not_found' } });
  });

  it('heartbeats keep a long thought from being taken for a dead connection', async () => {
    const clock = createVirtualClock({ startMs: 1 });
    const hold = gate();
    const { proxy, client: make } = await chat((id) => [...begin(id), after(hold.promise), ...finish(id)], 40);
    // A server that sends one every 40 ms, by a clock of its own: the client's goes on only when one has come, so that
    // a busy machine cannot make them late.
    const client = make({ clock, scheduler: atOnce, connection: { silentAfterMs: 300 } });
    const run = client.send('Hi');
    await until(client, () => texts(client).length === 2);
    const before = proxy.connections;
    // Three times as long as a connection may go without a byte.
    for (let step = 0; step < 30; step += 1) {
      const passed = proxy.passedBytes;
      await expect.poll(() => proxy.passedBytes).toBeGreaterThan(passed);
      await clock.advance(25);
    }
    expect(proxy.connections).toBe(before);
    expect(client.getSnapshot()).toMatchObject({ status: 'streaming', connection: 'silent' });
    hold.open();
    expect(await run.done).toBe('completed');
  });
});
