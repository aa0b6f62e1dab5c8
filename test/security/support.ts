// What the attacks have in common: a server on loopback, requests as they stand, and the proof that nothing came of
// them.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, request, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { ChatKitError, type ChatKitRequestInput, type Store } from '@chatkit/core';
import { type CreateChatKitServerOptions, createChatKitServer } from '@chatkit/server';
import { toNodeHandler } from '@chatkit/server/node';
import { createMemoryStore } from '@chatkit/store/memory';
import { say, scriptedResponder } from '@chatkit/testing';
import { afterEach, expect } from 'vitest';

export interface User {
  readonly userId: string;
}

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Runs at the end of the test, the latest first. */
export const atEnd = (end: () => unknown): void => void ends.push(end);

/** A `node:http` server on a free port of loopback. */
export const listen = async (listener: RequestListener, options = {}): Promise<{ http: Server; port: number }> => {
  const http = createServer(options, listener);
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  atEnd(() => {
    http.closeAllConnections();
    http.close();
  });
  return { http, port: (http.address() as AddressInfo).port };
};

/** Signs in whoever names themselves; nobody else. */
export const signIn = (asking: IncomingMessage): User => {
  const userId = asking.headers['x-user'];
  if (typeof userId === 'string') return { userId };
  throw new ChatKitError('request.unauthorized', 'Sign in first.');
};

/** A running ChatKit server. */
export const startChat = async (options: Partial<CreateChatKitServerOptions<User>> = {}, httpOptions = {}) => {
  const store: Store<User> = options.store ?? createMemoryStore<User>({ userOf: (user) => user.userId });
  const errors: unknown[] = [];
  const server = createChatKitServer<User>({
    respond: scriptedResponder([say('Hel', 'lo')]),
    onError: (error) => errors.push(error),
    cancelGraceMs: 50,
    ...options,
    store,
  });
  const handler = toNodeHandler(server, { context: signIn });
  const { http, port } = await listen(handler, httpOptions);
  atEnd(() => server.close({ graceMs: 0 }));
  const url = `http://127.0.0.1:${port}/chatkit`;
  return { server, store, errors, http, port, url, handler };
};

export type Chat = Awaited<ReturnType<typeof startChat>>;

export const ada = { 'x-user': 'ada' };
export const eve = { 'x-user': 'eve' };
export const optIn = { 'chatkit-client': '1' };

export const post = (
  url: string,
  body: ChatKitRequestInput | string,
  headers: Record<string, string> = ada,
  signal?: AbortSignal,
): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    signal: signal ?? null,
  });

export const input = (text: string) => ({
  content: [{ type: 'input_text' as const, text }],
  attachments: [],
  inference_options: {},
});
export const create = (text = 'hi'): ChatKitRequestInput => ({
  type: 'threads.create',
  params: { input: input(text) },
});

/** `POST` as bytes, with a length unless told otherwise. */
export const rawPost = (body: string, headers: Record<string, string | number> = {}): string => {
  const all = {
    host: 'localhost',
    'x-user': 'ada',
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST /chatkit HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
};

/** A connection, closed at the end of the test. */
export const open = async (port: number): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  atEnd(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
};

/** Sends bytes as they are; gives what came back by the time that `enough` says so or the server hung up. */
export const exchange = async (
  port: number,
  bytes: string | Uint8Array,
  enough: (text: string) => boolean = () => false,
): Promise<{ text: string; closed: boolean }> => {
  const socket = await open(port);
  let text = '';
  return new Promise((resolve) => {
    const done = (closed: boolean) => {
      socket.destroy();
      resolve({ text, closed });
    };
    socket.on('data', (chunk) => {
      text += chunk;
      if (enough(text)) done(false);
    });
    socket.on('close', () => done(true));
    socket.write(bytes);
  });
};

export const statusOf = (text: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]);

/** A request with the headers that `fetch` keeps for itself, such as `host`. */
export const ask = async (
  port: number,
  { method = 'POST', path = '/chatkit', headers = {}, body = JSON.stringify(create()) } = {} as {
    method?: string;
    path?: string;
    headers?: Record<string, string>;
    body?: string;
  },
): Promise<{ status: number; headers: IncomingMessage['headers']; text: string }> => {
  const sent = request({
    host: '127.0.0.1',
    port,
    path,
    method,
    headers: { 'content-type': 'application/json', ...headers },
  });
  sent.end(method === 'POST' ? body : undefined);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode ?? 0, headers: response.headers, text };
};

/** Nothing was stored for anybody who could have asked, and the server answers the next request. */
export const expectUnharmed = async ({ store, url, server, errors }: Chat): Promise<void> => {
  for (const userId of ['ada', 'eve']) {
    expect((await store.listThreads({ limit: 10, order: 'asc' }, { userId })).data).toEqual([]);
  }
  expect(errors).toEqual([]);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  const headers = {
    ...ada,
    ...(server.settings.allowedOrigins && { origin: [...server.settings.allowedOrigins][0] as string }),
  };
  const next = await post(url, create(), headers);
  expect(next.status).toBe(200);
  expect(await next.text()).toContain('"Hello"');
};

/** Waits for what other ends of sockets do. */
export const until = async (isSo: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5));
};
