// A server in a thread of its own, whose respond() works for five seconds without giving the event loop a turn.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parentPort } from 'node:worker_threads';
import { assistantMessage, itemAdded, textDelta } from '@chatkit/core';
import { createChatKitServer } from '@chatkit/server';
import { toNodeHandler } from '@chatkit/server/node';
import { createMemoryStore } from '@chatkit/store/memory';

const server = createChatKitServer({
  store: createMemoryStore(),
  async *respond(thread) {
    const message = assistantMessage({ thread_id: thread.id });
    yield itemAdded(message);
    yield textDelta(message.id, 'Before. ');
    await new Promise((resolve) => setImmediate(resolve)); // what was said leaves with its turn
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5_000);
    yield textDelta(message.id, 'After.');
  },
});
const http = createServer(toNodeHandler(server));
http.listen(0, '127.0.0.1', () => parentPort?.postMessage((http.address() as AddressInfo).port));
