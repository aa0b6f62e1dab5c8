// A chat server as a user of any runtime writes it: built packages, a handler from `Request` to `Response`, and a WebSocket
// where the runtime has one. `/state` tells what the application saw, for the test that asks from outside.
import { assistantMessage, itemAdded, itemDone, textDelta } from '@chatkit/core';
import { createChatKitServer } from '@chatkit/server';
import { createMemoryStore } from '@chatkit/store/memory';

/** What happened to the answers, newest last. */
const runs: { made: number; aborted: boolean; finallyRuns: number }[] = [];

export const chat = createChatKitServer<undefined>({
  store: createMemoryStore(),
  async *respond(thread, input, _context, run) {
    const state = { made: 0, aborted: false, finallyRuns: 0 };
    runs.push(state);
    run.signal.addEventListener('abort', () => {
      state.aborted = true;
    });
    const wanted = input?.content[0]?.type === 'input_text' ? Number(input.content[0].text) : 0;
    const item = assistantMessage({ thread_id: thread.id });
    try {
      yield itemAdded(item);
      for (; state.made < wanted; state.made += 1) {
        yield textDelta(item.id, `token ${state.made + 1}. `);
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
      yield itemDone({ ...item, content: [{ type: 'output_text', text: 'all of it', annotations: [] }] });
    } finally {
      state.finallyRuns += 1;
    }
  },
});

export const answer = async (request: Request, waitUntil?: (work: Promise<unknown>) => void): Promise<Response> =>
  new URL(request.url).pathname === '/state' ? Response.json(runs) : chat.handle(request, undefined, { waitUntil });
