// Real servers on real sockets: node:http, Express, Fastify, and Hono as a fetch-style framework.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, request, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { assistantMessage, ChatKitError, itemAdded, progressUpdate, textDelta } from '@chatkit/core';
import { createMemoryLog, createMemoryStore } from '@chatkit/store/memory';
import { hang, say, scriptedResponder } from '@chatkit/testing';
import { decodeSse } from '@chatkit/transport';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { afterEach, describe, expect, test } from 'vitest';
import { createChatKitServer } from '../src/index.ts';
import { toNodeHandler } from '../src/node/index.ts';
import { ada, add, create, eventsOf, framesOf, optIn, outcomeOf, outline, textOf, type User } from './support.ts';

const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

const listen = async (listener: RequestListener): Promise<string> => {
  const server = createServer(listener);
  open.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/chatkit`;
};

type Options = Partial<Parameters<typeof createChatKitServer<User>>[0]>;
const chat = (options: Options = {}) => {
  const errors: unknown[] = [];
  const server = createChatKitServer<User>({
    store: createMemoryStore<User>(),
    respond: scriptedResponder([say('Hel', 'lo')]),
    onError: (error) => errors.push(error),
    ...options,
  });
  return { server, errors, handler: toNodeHandler(server, { context: () => ada }) };
};
const post = (url: string, body: unknown, headers: Record<string, string> = {}, signal?: AbortSignal) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    signal: signal ?? null,
  });

/** Promises that a script waits for, opened one by one. */
const gates = (count: number) => {
  const opens: (() => void)[] = [];
  const waits = Array.from({ length: count }, () => new Promise<void>((resolve) => opens.push(resolve)));
  return { waits, open: (i: number) => opens[i]?.() };
};

describe('node:http', () => {
  test('compresses where the owner and the client want it, an event at a time', async () => {
    const { waits, open: openGate } = gates(1);
    const { server } = chat({
      async *respond() {
        yield progressUpdate('first');
        await waits[0];
        yield progressUpdate('last');
      },
    });
    const url = await listen(toNodeHandler(server, { context: () => ada, compress: true }));
    const response = await post(url, create(), { 'accept-encoding': 'gzip' });
    expect([response.headers.get('content-encoding'), response.headers.get('vary')]).toEqual([
      'gzip',
      'accept-encoding',
    ]);
    const frames = [];
    for await (const frame of decodeSse(response.body as ReadableStream<Uint8Array>)) {
      frames.push(frame);
      // Made only once the client has read the first one.
      if (frame.data?.includes('first')) openGate(0);
    }
    expect(frames.at(-1)?.data).toContain('last');
    const plain = await post(url, create(), { 'accept-encoding': 'identity' });
    expect(plain.headers.get('content-encoding')).toBeNull();
    await plain.body?.cancel();
  });

  test('an event is at the client before the next one is made', async () => {
    const { waits, open: openGate } = gates(5);
    const { handler } = chat({
      async *respond() {
        for (const [i, wait] of waits.entries()) {
          yield progressUpdate(`step ${i}`);
          await wait;
        }
      },
    });
    const response = await post(await listen(handler), create());
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    let text = '';
    for (let i = 0; i < waits.length; i += 1) {
      // Without the event on the wire this would wait for ever: the next gate opens only after it was read.
      while (!text.includes(`step ${i}`)) text += new TextDecoder().decode((await reader.read()).value);
      expect(text).not.toContain(`step ${i + 1}`);
      openGate(i);
    }
  });

  test('headers and the first frame leave before respond() has yielded anything', async () => {
    const { handler } = chat({ respond: scriptedResponder([hang()]) });
    const response = await post(await listen(handler), create());
    expect(response.status).toBe(200);
    const { value } = await (response.body as ReadableStream<Uint8Array>).getReader().read();
    expect(new TextDecoder().decode(value)).toContain('thread.created');
  });

  test('a client that disconnects ends the generator', async () => {
    let ended = () => {};
    const finallyRan = new Promise<void>((resolve) => {
      ended = resolve;
    });
    const { handler } = chat({
      async *respond(thread, _input, _user, run) {
        try {
          yield itemAdded(assistantMessage({ thread_id: thread.id, id: 'a' }));
          yield textDelta('a', 'half');
          await once(run.signal, 'abort');
        } finally {
          ended();
        }
      },
    });
    const client = new AbortController();
    const response = await post(await listen(handler), create(), {}, client.signal);
    await (response.body as ReadableStream<Uint8Array>).getReader().read();
    client.abort();
    await finallyRan;
  });

  test('a client that disconnects while its message waits for another run is noticed', async () => {
    const { waits, open: openGate } = gates(1);
    const respond = scriptedResponder((_, index) =>
      index === 0 ? [{ type: 'script.until', promise: waits[0] as Promise<void> }] : [say('x')],
    );
    const { handler, server } = chat({ respond, cancelGraceMs: 60_000 });
    const url = await listen(handler);
    const first = await post(url, create(), { ...optIn, 'chatkit-run-id': 'one' });
    const [{ id }] = (await (await post(url, { type: 'threads.list', params: {} })).json()).data;
    const client = new AbortController();
    const second = post(url, add(id, 'left'), { ...optIn, 'chatkit-run-id': 'two' }, client.signal);
    second.catch(() => {});
    while (respond.calls[0]?.signal?.aborted !== true) await new Promise((resolve) => setTimeout(resolve, 1));
    client.abort();
    await expect(second).rejects.toThrow();
    openGate(0);
    expect(outcomeOf(await framesOf(first))).toBe('cancelled');
    expect((await server.store.listItems(id, { limit: 10, order: 'asc' }, ada)).data.map(textOf)).toContain('left');
  });

  test('a reader that takes nothing holds the application back instead of filling the memory', async () => {
    let made = 0;
    const { handler } = chat({
      async *respond(thread) {
        yield itemAdded(assistantMessage({ thread_id: thread.id, id: 'a' }));
        for (; made < 4_000; made += 1) yield textDelta('a', 'x'.repeat(16 * 1024));
      },
    });
    const url = new URL(await listen(handler));
    const socket = connect(Number(url.port), '127.0.0.1');
    const body = JSON.stringify(create());
    socket.write(
      `POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await once(socket, 'readable');
    socket.pause();
    let before = -1;
    while (before !== made) {
      before = made;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    // 64 MB were there to be had; the sockets' buffers and the log's window are what was taken.
    expect(made * 16 * 1024).toBeLessThan(16 * 1024 * 1024);
    socket.destroy();
  });

  test('a reader that takes nothing does not hold up another one, and is cut off once the log has dropped what it needs', async () => {
    const total = 2_000;
    const { handler } = chat({
      log: createMemoryLog({ maxBytesPerRun: 1024 * 1024 }),
      async *respond(thread) {
        yield itemAdded(assistantMessage({ thread_id: thread.id, id: 'a' }));
        for (let made = 0; made < total; made += 1) yield textDelta('a', `${'x'.repeat(16 * 1024)};`);
      },
    });
    const url = await listen(handler);
    const { port } = new URL(url);
    const socket = connect(Number(port), '127.0.0.1');
    const body = JSON.stringify(create());
    const headers = `host: x\r\ncontent-type: application/json\r\nchatkit-client: 1\r\nchatkit-run-id: two-readers`;
    socket.write(`POST / HTTP/1.1\r\n${headers}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    await once(socket, 'readable');
    socket.pause();

    const live = await fetch(`${url}?run=two-readers`);
    let deltas = 0;
    let last: string | undefined;
    for await (const { event, data } of decodeSse(live.body as ReadableStream<Uint8Array>)) {
      deltas += data?.split(';').length ?? 1;
      deltas -= 1;
      last = event;
    }
    expect([deltas, last]).toEqual([total, 'end']);

    let cut = '';
    for await (const chunk of socket) cut += chunk;
    expect(cut).not.toContain('event: end');
    const lastId = [...cut.matchAll(/^id: (\S+)$/gm)].at(-1)?.[1];
    const again = await fetch(`${url}?run=two-readers&after=${lastId}`);
    expect([again.status, (await again.json()).error.code]).toEqual([410, 'log.expired']);
  });

  test('a body beyond the limit gets its 413, with and without a length, and the server goes on', async () => {
    const { handler } = chat();
    const url = await listen(handler);
    const large = await post(url, 'x'.repeat(2 * 1024 * 1024));
    expect([large.status, (await large.json()).error.code]).toEqual([413, 'request.too_large']);
    const { port } = new URL(url);
    const chunked = request({
      port,
      host: '127.0.0.1',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    });
    const answered = once(chunked, 'response') as Promise<[IncomingMessage]>;
    chunked.on('error', () => {});
    const chunk = 'x'.repeat(64 * 1024);
    const feed = () => {
      while (!chunked.destroyed && chunked.write(chunk));
      if (!chunked.destroyed) chunked.once('drain', feed);
    };
    feed();
    const [response] = await answered;
    expect(response.statusCode).toBe(413);
    chunked.destroy();
    expect((await post(url, create())).status).toBe(200);
  });

  test('a client that sends all of its body before it reads is told that it is too large', async () => {
    const { handler } = chat();
    const { port } = new URL(await listen(handler));
    const socket = connect(Number(port), '127.0.0.1');
    socket.pause();
    const size = 16 * 1024 * 1024;
    const chunk = 'x'.repeat(64 * 1024);
    const write = (text: string) =>
      new Promise<void>((resolve, reject) => void socket.write(text, (error) => (error ? reject(error) : resolve())));
    await write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${size}\r\n\r\n`);
    for (let sent = 0; sent < size; sent += chunk.length) await write(chunk);
    socket.resume();
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(String(answer)).toMatch(/^HTTP\/1\.1 413 /);
    socket.destroy();
  });

  test('a refused request leaves the connection usable', async () => {
    const { handler } = chat();
    const { port } = new URL(await listen(handler));
    const socket = connect(Number(port), '127.0.0.1');
    const ask = (type: string, body: string) =>
      `POST / HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    socket.write(ask('text/plain', '{"a":1}') + ask('application/json', '{"type":"threads.list","params":{}}'));
    let text = '';
    for await (const chunk of socket) {
      text += chunk;
      if (text.includes('has_more')) break;
    }
    expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual(['415', '200']);
  });

  test('a context that refuses is answered with its code; one that breaks with 500', async () => {
    const { server, errors } = chat();
    let error: unknown = new ChatKitError('request.unauthorized', 'Sign in first.');
    const url = await listen(
      toNodeHandler(server, {
        context: () => {
          throw error;
        },
      }),
    );
    expect((await post(url, create())).status).toBe(401);
    error = new Error('secret');
    const broken = await post(url, create());
    expect(broken.status).toBe(500);
    expect(await broken.text()).not.toContain('secret');
    expect(errors).toEqual([error]);
  });

  test.each(['PUT', 'TRACE', 'HEAD', 'PROPFIND'])('%s is refused', async (method) => {
    const { handler, errors } = chat();
    const { port } = new URL(await listen(handler));
    const sent = request({ port, host: '127.0.0.1', method });
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    response.resume();
    expect(response.statusCode).toBe(405);
    expect(errors).toEqual([]);
  });

  test('a GET with Last-Event-ID resumes', async () => {
    const { handler } = chat();
    const url = await listen(handler);
    const frames = await framesOf(await post(url, create(), { ...optIn, 'chatkit-run-id': 'r' }));
    const rest = await framesOf(await fetch(`${url}?run=r`, { headers: { 'last-event-id': '1-3' } }));
    expect(eventsOf(rest).at(-1)).toEqual(eventsOf(frames).at(-1));
    expect(outcomeOf(rest)).toBe('completed');
  });
});

describe('frameworks', () => {
  const streams = async (url: string) => {
    const response = await post(url, create());
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(outline(eventsOf(await framesOf(response))).at(-1)).toBe('thread.item.done assistant_message');
    const missing = await post(url, { type: 'threads.get_by_id', params: { thread_id: 'none' } });
    expect([missing.status, (await missing.json()).error.code]).toEqual([404, 'thread.not_found']);
  };

  test('Express', async () => {
    const app = express();
    app.all('/chatkit', chat().handler);
    await streams(await listen(app));
  });

  test('Express, after express.json()', async () => {
    const app = express();
    app.use(express.json());
    app.all('/chatkit', chat().handler);
    await streams(await listen(app));
  });

  test('Express, after a parser that built what nothing can walk', async () => {
    const app = express();
    app.use(express.json({ limit: '1mb' }));
    app.all('/chatkit', chat().handler);
    const url = await listen(app);
    const deep = await post(url, '['.repeat(50_000) + ']'.repeat(50_000));
    expect([deep.status, (await deep.json()).error.code]).toEqual([400, 'request.too_deep']);
    await streams(url);
  });

  test('Fastify', async () => {
    const { handler } = chat();
    const app = fastify();
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (_request, _payload, done) => done(null));
    app.route({
      method: ['GET', 'POST'],
      url: '/chatkit',
      handler(incoming, reply) {
        reply.hijack();
        return handler(incoming.raw, reply.raw);
      },
    });
    const address = await app.listen({ port: 0, host: '127.0.0.1' });
    await streams(`${address}/chatkit`);
    await app.close();
  });

  test('Fastify, after its own parser', async () => {
    const { handler } = chat();
    const app = fastify();
    app.all('/chatkit', (incoming, reply) => {
      reply.hijack();
      return handler(Object.assign(incoming.raw, { body: incoming.body }), reply.raw);
    });
    const address = await app.listen({ port: 0, host: '127.0.0.1' });
    await streams(`${address}/chatkit`);
    await app.close();
  });

  test('Hono, and whatever else answers a Request with a Response', async () => {
    const { server } = chat();
    const app = new Hono();
    app.all('/chatkit', (c) => server.handle(c.req.raw, ada));
    const response = await app.request('/chatkit', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(create()),
    });
    expect(outline(eventsOf(await framesOf(response))).at(-1)).toBe('thread.item.done assistant_message');
  });
});
