/** A real server on loopback, and the things between it and its readers that make streams stall. */
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { assistantMessage, itemAdded, itemDone, textDelta } from '@chatkit/core';
import { type CreateChatKitServerOptions, createChatKitServer } from '@chatkit/server';
import { toNodeHandler } from '@chatkit/server/node';
import { createMemoryStore } from '@chatkit/store/memory';
import { onTestFinished } from 'vitest';

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/** Listens until the test is over. */
export const listen = async (listener: Listener): Promise<{ port: number; url: string; close(): void }> => {
  const http: Server = createServer(listener);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const close = (): void => {
    http.close();
    http.closeAllConnections();
  };
  onTestFinished(close);
  return { port, url: `http://127.0.0.1:${port}/chatkit`, close };
};

/** A promise, and what fulfils it. */
export const createGate = (): { readonly opened: Promise<void>; open(): void } => {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
};

/** What `respond()` does before each of its words, and once at its end. */
export type Pace = (index: number, signal: AbortSignal) => Promise<void> | void;

/** A ChatKit server that says `words`. */
export const createAnswering = (
  words: readonly string[],
  pace: Pace = () => {},
  options: Partial<CreateChatKitServerOptions<unknown>> = {},
) => {
  const store = createMemoryStore();
  const server = createChatKitServer({
    store,
    async *respond(thread, _input, _context, run) {
      const message = assistantMessage({ thread_id: thread.id });
      yield itemAdded(message);
      for (const [index, word] of words.entries()) {
        await pace(index, run.signal);
        yield textDelta(message.id, word);
      }
      await pace(words.length, run.signal);
      yield itemDone(assistantMessage({ ...message, text: words.join(''), content: undefined }));
    },
    ...options,
  });
  return { store, handler: toNodeHandler(server) as Listener };
};

/** Passes a request on to another port; `onAnswer` may deal with the answer in place of passing it on as it comes. */
export const passOn = (
  port: number,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  onAnswer: (answer: IncomingMessage, outgoing: ServerResponse) => void = pipeThrough,
  headers: IncomingMessage['headers'] = incoming.headers,
): void => {
  const { method, url } = incoming;
  const passed = request({ host: '127.0.0.1', port, method, path: url, headers }, (answer) =>
    onAnswer(answer, outgoing),
  );
  passed.on('error', () => outgoing.destroy());
  outgoing.on('close', () => passed.destroy());
  incoming.pipe(passed);
};

const pipeThrough = (answer: IncomingMessage, outgoing: ServerResponse): void => {
  outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
  outgoing.flushHeaders();
  answer.pipe(outgoing);
};

/** As a proxy with response buffering: nothing is passed on before the answer is whole. */
export const passOnWhole = async (answer: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of answer) chunks.push(chunk as Buffer);
  } catch {
    return; // the reader has gone, and the answer with it
  }
  outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
  outgoing.end(Buffer.concat(chunks));
};

/** As a connection that has been lost on the way: what comes behind the first text is not passed on, and nothing is closed. */
export const holdBack =
  (onHeld: () => void) =>
  (answer: IncomingMessage, outgoing: ServerResponse): void => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    let isHeld = false;
    answer.on('data', (chunk: Buffer) => {
      if (isHeld) return;
      outgoing.write(chunk);
      isHeld = chunk.includes('text_delta');
      if (isHeld) onHeld();
    });
  };
