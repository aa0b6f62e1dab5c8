/** A ChatKit server on a free port of loopback, whose answers are written word by word when the test says so. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { assistantMessage, itemAdded, itemDone, type Store, textDelta } from '@chatkit/core';
import { type ChatKitServer, createChatKitServer } from '@chatkit/server';
import { toNodeHandler } from '@chatkit/server/node';

export interface UpstreamOptions {
  store: Store;
  words: readonly string[];
  /** Waited for before each word. */
  pace: (index: number, signal: AbortSignal) => Promise<unknown>;
  heartbeatMs?: number | undefined;
}

export interface Upstream {
  readonly port: number;
  readonly server: ChatKitServer;
  /** Requests so far, by method. */
  readonly requests: { GET: number; POST: number };
  /** Resolves when the next answer to a GET is over, or its reader has gone. */
  nextGetOver(): Promise<void>;
  /** What `respond()` was called, and how often. */
  readonly answers: () => number;
  close(): Promise<void>;
}

export const startUpstream = async ({ store, words, pace, heartbeatMs }: UpstreamOptions): Promise<Upstream> => {
  let answers = 0;
  const requests = { GET: 0, POST: 0 };
  let waiting: (() => void)[] = [];
  const server = createChatKitServer({
    store,
    heartbeatMs,
    retryMs: 50,
    cancelGraceMs: 100,
    async *respond(thread, _input, _context, run) {
      answers += 1;
      const message = assistantMessage({ thread_id: thread.id });
      yield itemAdded(message);
      for (const [index, word] of words.entries()) {
        await pace(index, run.signal);
        yield textDelta(message.id, word);
      }
      yield itemDone(assistantMessage({ ...message, text: words.join(''), content: undefined }));
    },
  });
  const handle = toNodeHandler(server);
  const http = createServer((request, response) => {
    if (request.method === 'GET' || request.method === 'POST') requests[request.method] += 1;
    if (request.method === 'GET') {
      response.once('close', () => {
        for (const resolve of waiting) resolve();
        waiting = [];
      });
    }
    void handle(request, response);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    port: (http.address() as AddressInfo).port,
    server,
    requests,
    nextGetOver: () => new Promise((resolve) => waiting.push(resolve)),
    answers: () => answers,
    async close() {
      await server.close({ graceMs: 0 });
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
};
