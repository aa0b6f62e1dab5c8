// TanStack AI with its durable stream on (memoryStream), as its guide for resumable streams has it.
import { peer } from '../../transport/src/peer.mjs';

const { memoryStream, resumeServerSentEventsResponse, toServerSentEventsResponse } = await peer('@tanstack/ai');
const { ChatClient, fetchServerSentEvents } = await peer('@tanstack/ai-client');

export const name = 'TanStack AI (0.58.0 / 0.33.2)';
export const hasLog = true;

export function serve(source, { plain = false } = {}) {
  return (request) => {
    if (request.method === 'GET') return resumeServerSentEventsResponse({ adapter: memoryStream(request) });
    const abortController = new AbortController();
    return toServerSentEventsResponse(chunks(source(abortController.signal)), {
      abortController,
      ...(!plain && { durability: { adapter: memoryStream(request) } }),
    });
  };
}

async function* chunks(texts) {
  const run = { runId: 'r', threadId: 't', model: 'm', timestamp: Date.now() };
  yield { type: 'RUN_STARTED', ...run };
  yield { type: 'TEXT_MESSAGE_START', messageId: 'm', role: 'assistant', ...run };
  let content = '';
  for await (const delta of texts) {
    content += delta;
    yield { type: 'TEXT_MESSAGE_CONTENT', messageId: 'm', delta, content, ...run };
  }
  yield { type: 'TEXT_MESSAGE_END', messageId: 'm', ...run };
  yield { type: 'RUN_FINISHED', finishReason: 'stop', ...run };
}

let asked = 0;
export function ask(handler, thread = 't') {
  return handler(
    new Request('http://localhost/', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-run-id': `asked-${asked++}` },
      body: JSON.stringify({ threadId: thread, messages: [{ role: 'user', content: 'Hello' }] }),
    }),
  );
}

export const openThread = () => 't';

export function chat(url) {
  const client = new ChatClient({ connection: fetchServerSentEvents(url), onError() {} });
  let done = false;
  return {
    send(text) {
      client.sendMessage(text).then(
        () => {
          done = true;
        },
        () => {},
      );
    },
    look() {
      const answer = client.getMessages().findLast(({ role }) => role === 'assistant');
      const text =
        answer?.parts
          .filter(({ type }) => type === 'text')
          .map((part) => part.content)
          .join('') ?? '';
      return { state: client.getError() ? 'failed' : done ? 'complete' : client.getStatus(), text };
    },
    close() {
      client.stop();
      client.dispose();
    },
  };
}

export const bundle = `export { ChatClient, fetchServerSentEvents } from '@tanstack/ai-client';`;
