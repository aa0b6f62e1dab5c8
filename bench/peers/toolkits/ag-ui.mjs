// AG-UI: the client (HttpAgent). It has no server helper for TypeScript: the events are written with its encoder, as its guide does.
import { peer } from '../../transport/src/peer.mjs';

const { EventEncoder } = await peer('@ag-ui/encoder');
const { HttpAgent } = await peer('@ag-ui/client');

export const name = 'AG-UI (client 1.0.0)';

export function serve(source) {
  return async (request) => {
    const { threadId = 't', runId = 'r' } = await request.json();
    const encoder = new EventEncoder();
    return new Response(ReadableStream.from(frames(source(request.signal), { threadId, runId }, encoder)), {
      headers: { 'content-type': encoder.getContentType() },
    });
  };
}

async function* frames(texts, run, encoder) {
  const bytes = (event) => new TextEncoder().encode(encoder.encodeSSE(event));
  yield bytes({ type: 'RUN_STARTED', ...run });
  yield bytes({ type: 'TEXT_MESSAGE_START', messageId: 'm', role: 'assistant' });
  for await (const delta of texts) yield bytes({ type: 'TEXT_MESSAGE_CONTENT', messageId: 'm', delta });
  yield bytes({ type: 'TEXT_MESSAGE_END', messageId: 'm' });
  yield bytes({ type: 'RUN_FINISHED', ...run });
}

export function chat(url) {
  const agent = new HttpAgent({ url });
  let state = 'ready';
  return {
    send(text) {
      agent.messages.push({ id: crypto.randomUUID(), role: 'user', content: text });
      state = 'streaming';
      agent.runAgent().then(
        () => {
          state = 'complete';
        },
        () => {
          state = 'failed';
        },
      );
    },
    look: () => ({ state, text: agent.messages.findLast(({ role }) => role === 'assistant')?.content ?? '' }),
    close: () => agent.abortRun(),
  };
}

export const bundle = `export { HttpAgent } from '@ag-ui/client';`;
