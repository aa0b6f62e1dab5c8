import { streamTextResponse } from '@chatkit/agents/text';
import { createChatClient } from '@chatkit/client';
import { createChatKitServer } from '@chatkit/server';
import { createMemoryStore } from '@chatkit/store/memory';
import { smooth as smoothText } from '@chatkit/stream';

export const name = '@chatkit';
export const hasLog = true;

/** A server as in the README; the memory log that makes it resumable is on by default. */
export function serve(source, { heartbeatMs = 15_000 } = {}) {
  const server = createChatKitServer({
    store: createMemoryStore(),
    heartbeatMs,
    async *respond(thread, _input, _context, run) {
      yield* streamTextResponse(thread, source(run.signal));
    },
  });
  return (request) => server.handle(request, undefined);
}

const message = (text) => ({ content: [{ type: 'input_text', text }], attachments: [], inference_options: {} });

/** A client that is not ours: the request by hand. `thread` is what `openThread()` gave. */
export function ask(handler, thread) {
  return handler(
    new Request('http://localhost/', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'chatkit-client': '1' },
      body: JSON.stringify(
        thread
          ? { type: 'threads.add_user_message', params: { thread_id: thread, input: message('Hello') } }
          : { type: 'threads.create', params: { input: message('Hello') } },
      ),
    }),
  );
}

/** Makes a thread with one answered message. */
export async function openThread(handler) {
  const text = await (await ask(handler)).text();
  return /"type":"thread\.created","thread":\{"id":"([^"]+)"/.exec(text)[1];
}

export function chat(url) {
  const client = createChatClient({ url });
  let done = false;
  return {
    send(text) {
      client.send(text).done.then(() => {
        done = true;
      });
    },
    look() {
      const { items, status, connection, error } = client.getSnapshot();
      const answer = items.findLast(({ type }) => type === 'assistant_message');
      const state = error ? 'failed' : done ? 'complete' : connection === 'reconnecting' ? 'reconnecting' : status;
      return { state, text: answer?.content.map((part) => part.text).join('') ?? '' };
    },
    close: () => client.detach(),
  };
}

export const smooth = (source) => smoothText()(source);

export const bundle = `export { createChatClient } from '@chatkit/client';`;
