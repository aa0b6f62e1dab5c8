// A turn with tools and a workflow, stopped behind each of its events, by everything that stops: over SSE and over WebSocket, on
// real sockets, with each store. What is stored is a thread that could have been streamed, and it goes on from there.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ChatKitRequestInput,
  emptyThreadState,
  isHiddenItem,
  reduceThread,
  type Store,
  selectItems,
  type ThreadItem,
  type ThreadStreamEvent,
} from '@chatkit/core';
import { createOrderChecker } from '@chatkit/core/order';
import { createChatKitServer } from '@chatkit/server';
import { toNodeHandler } from '@chatkit/server/node';
import { createMemoryStore } from '@chatkit/store/memory';
import { createPostgresStore } from '@chatkit/store/postgres';
import { createSqliteStore } from '@chatkit/store/sqlite';
import { hang, run, say, scriptedResponder } from '@chatkit/testing';
import { decodeSse } from '@chatkit/transport';
import { openWebSocket, serveWebSocket } from '@chatkit/transport/ws';
import pg from 'pg';
import { afterAll, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { startPostgres } from '../../packages/store/test/postgres-server.ts';
import { richTurn } from './rich-turn.ts';

type User = { userId: string };
const ada: User = { userId: 'ada' };

const postgres = await startPostgres();
const ends: (() => unknown)[] = [];
afterAll(async () => {
  for (const end of ends.reverse()) await end();
  await postgres?.stop();
});

const stores: Record<string, () => Store<User>> = {
  memory: () => createMemoryStore<User>(),
  sqlite: () => {
    const folder = mkdtempSync(join(tmpdir(), 'chatkit-stops-'));
    const store = createSqliteStore<User>({ path: join(folder, 'chat.db') });
    ends.push(() => {
      store.close();
      rmSync(folder, { recursive: true });
    });
    return store;
  },
};
if (postgres !== undefined) {
  stores['postgres'] = () => {
    const client = new pg.Pool({ connectionString: postgres.url });
    ends.push(() => client.end());
    return createPostgresStore<User>({ client });
  };
}

/** A server on loopback that can be spoken to both ways. Message "7" is answered by seven events, and then by silence. */
const startServer = async (store: Store<User>) => {
  const arrivals = new Map<string, { promise: Promise<void>; resolve: () => void }>();
  /** Kept when the turn in this thread has come to its silence. */
  const reached = (threadId: string) => {
    let resolve = () => {};
    const promise = new Promise<void>((done) => {
      resolve = done;
    });
    const arrival = arrivals.get(threadId) ?? { promise, resolve };
    arrivals.set(threadId, arrival);
    return arrival;
  };
  const respond = scriptedResponder((call) => {
    const asked = textOf(call.input as ThreadItem);
    if (asked === 'next') return [say('an answer')];
    const told = run(() => reached(call.thread.id).resolve());
    return [...richTurn(call.thread.id).slice(0, Number(asked)), told, hang()];
  });
  const errors: unknown[] = [];
  const server = createChatKitServer<User>({
    store,
    respond,
    cancelGraceMs: 200,
    onError: (error) => errors.push(error),
  });
  const http = createServer(toNodeHandler(server, { context: () => ada }));
  const sockets = new WebSocketServer({ server: http });
  sockets.on('connection', (socket) => {
    serveWebSocket(socket, (request) => server.reply(request, ada));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  ends.push(async () => {
    await server.close({ graceMs: 0 });
    for (const socket of sockets.clients) socket.terminate();
    http.closeAllConnections();
    http.close();
  });
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/chatkit`;
  return { store, respond, errors, reached, url };
};

const transports: Record<string, (url: string) => { url: string; fetch: typeof fetch }> = {
  sse: (url) => ({ url, fetch }),
  'web socket': (url) => {
    const socket = openWebSocket(url.replace('http', 'ws'));
    ends.push(() => socket.close());
    return { url: '/', fetch: socket.fetch };
  },
};

const message = (text: string, thread_id?: string): ChatKitRequestInput => {
  const input = { content: [{ type: 'input_text' as const, text }], attachments: [], inference_options: {} };
  return thread_id === undefined
    ? { type: 'threads.create', params: { input } }
    : { type: 'threads.add_user_message', params: { thread_id, input } };
};

interface Reading {
  readonly events: ThreadStreamEvent[];
  readonly begun: Promise<string>;
  readonly outcome: Promise<string | undefined>;
}

/** Reads a body to its end; `begun` is the id of the new thread. */
const readBody = (response: Response): Reading => {
  const events: ThreadStreamEvent[] = [];
  let begin = (_id: string) => {};
  const begun = new Promise<string>((resolve) => {
    begin = resolve;
  });
  const outcome = (async () => {
    let end: string | undefined;
    try {
      for await (const { event, data } of decodeSse(response.body as ReadableStream<Uint8Array>)) {
        if (data === undefined) continue;
        if (event === 'end') end = (JSON.parse(data) as { outcome: string }).outcome;
        else {
          const told = JSON.parse(data) as ThreadStreamEvent;
          events.push(told);
          if (told.type === 'thread.created') begin(told.thread.id);
        }
      }
    } catch {
      // It was closed by the test.
    }
    return end;
  })();
  return { events, begun, outcome };
};

const expectOrder = (events: Iterable<ThreadStreamEvent>) => {
  const checker = createOrderChecker();
  for (const event of events) expect(checker.check(event)).toBeUndefined();
  expect(checker.end()).toBeUndefined();
};
const itemsOf = async (store: Store<User>, threadId: string): Promise<ThreadItem[]> =>
  (await store.listItems(threadId, { limit: 100, order: 'asc' }, ada)).data;
const textOf = (item: ThreadItem | undefined): string =>
  item?.type === 'assistant_message' || item?.type === 'user_message'
    ? item.content.map(({ text }) => text).join('')
    : '';

const length = richTurn('x').length;
const ways = ['runs.cancel', 'disconnect', 'a newer message'] as const;

describe.each(Object.keys(stores))('%s', (storeName) => {
  test.each(Object.keys(transports))(
    `over %s: behind each of ${length} events, the thread is whole and the next turn works`,
    { timeout: 60_000 },
    async (transport) => {
      const server = await startServer((stores[storeName] as () => Store<User>)());
      const { url, fetch: ask } = (transports[transport] as (typeof transports)[string])(server.url);
      const post = (request: ChatKitRequestInput, headers: Record<string, string>, signal?: AbortSignal) =>
        ask(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: JSON.stringify(request),
          signal: signal ?? null,
        });
      const optIn = (runId: string) => ({ 'chatkit-client': '1', 'chatkit-run-id': runId });

      const stopAt = async (at: number, way: (typeof ways)[number]) => {
        const runId = `${way.replaceAll(' ', '_')}-${at}`;
        const leaving = new AbortController();
        const plain = way === 'disconnect';
        const response = await post(message(`${at}`), plain ? {} : optIn(runId), plain ? leaving.signal : undefined);
        const first = readBody(response);
        const threadId = await first.begun;
        await server.reached(threadId).promise;
        let next: Reading | undefined;
        if (way === 'runs.cancel') {
          const answer = await post({ type: 'runs.cancel', params: { run_id: runId } }, {});
          expect(answer.status).toBe(200);
        } else if (way === 'disconnect') leaving.abort();
        else next = readBody(await post(message('next', threadId), optIn(`${runId}-next`)));

        const outcome = await first.outcome;
        if (way !== 'disconnect') {
          expect(outcome).toBe('cancelled');
          expectOrder(first.events);
        }
        // The next turn waits for the end of this one, so what is stored is read behind it.
        next ??= readBody(await post(message('next', threadId), optIn(`${runId}-next`)));
        expect(await next.outcome).toBe('completed');
        expectOrder(next.events);
        const stored = await itemsOf(server.store, threadId);
        expectOrder(stored.map((item): ThreadStreamEvent => ({ type: 'thread.item.done', item })));
        const visible = stored.filter((item) => !isHiddenItem(item));
        expect(visible.map(textOf).slice(-2)).toEqual(['next', 'an answer']);
        const kept = visible.slice(0, -2);
        if (way === 'disconnect') {
          // Whoever left shows a beginning of what is kept.
          const ids = kept.map(({ id }) => id);
          const known = selectItems(first.events.reduce(reduceThread, emptyThreadState)).map(({ id }) => id);
          const seen = known.filter((id) => ids.includes(id));
          expect(seen).toEqual(ids.slice(0, seen.length));
        } else expect(selectItems(first.events.reduce(reduceThread, emptyThreadState))).toEqual(kept);
        for (const item of kept) if (item.type === 'assistant_message') expect(textOf(item)).not.toBe('');
      };

      for (let at = 0; at <= length; at += 1) for (const way of ways) await stopAt(at, way);
      expect(server.respond.calls.filter(({ outcome }) => outcome === 'running')).toEqual([]);
      expect(server.errors).toEqual([]);
    },
  );
});
