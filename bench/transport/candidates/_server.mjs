import { once } from 'node:events';
import http from 'node:http';
import { ChatKitServer } from '@chatkit/server';
import { createMemoryStore } from '@chatkit/store/memory';
import { writeReply } from '@chatkit/transport/node';

const body = JSON.stringify({
  type: 'threads.create',
  params: { input: { content: [{ type: 'input_text', text: 'Hi' }], attachments: [], inference_options: {} } },
});

const bytes = Buffer.from(body);
async function* chunks() {
  yield bytes;
}

/** `ChatKitServer` with a store, a log and a reducer behind the same generator; `headers` are the client's. */
export const startServer = async ({ source, host }, headers) => {
  class Server extends ChatKitServer {
    respond(thread, _input, url, run) {
      const item = {
        type: 'assistant_message',
        id: 'msg_ab12cd34',
        thread_id: thread.id,
        created_at: thread.created_at,
        content: [],
      };
      // The very generator that the bare transport reads, with the item before its events.
      return source(url, run.signal, { type: 'thread.item.added', item });
    }
  }
  const server = new Server({
    store: createMemoryStore({ userOf: () => 'one' }),
    maxRunsPerUser: Number.POSITIVE_INFINITY,
  });
  const sent = { 'content-type': 'application/json', ...headers };
  const listener = http.createServer(async (req, res) => {
    const gone = new AbortController();
    // As `toNodeHandler` shows a request; the harness asks with GET, so the one that a client of ours sends is put in here.
    const request = {
      method: 'POST',
      url: 'http://localhost/',
      headers: { get: (name) => sent[name] ?? null },
      signal: gone.signal,
      body: chunks(),
    };
    writeReply(await server.reply(request, req.url), res, { onDisconnect: () => gone.abort() });
  });
  listener.listen(0, host);
  await once(listener, 'listening');
  return { port: listener.address().port };
};
