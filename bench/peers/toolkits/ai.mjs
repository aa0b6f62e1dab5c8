// Vercel AI SDK 7. The client is the framework-free core under useChat; its state is an object with the documented fields.
import { peer } from '../../transport/src/peer.mjs';

const { AbstractChat, createUIMessageStream, createUIMessageStreamResponse, DefaultChatTransport, smoothStream } =
  await peer('ai7');

export const name = 'AI SDK (ai 7.0.173)';

export function serve(source) {
  return (request) =>
    createUIMessageStreamResponse({
      stream: createUIMessageStream({
        execute: ({ writer }) => writer.merge(ReadableStream.from(parts(source(request.signal)))),
      }),
    });
}

async function* parts(texts) {
  yield { type: 'start' };
  yield { type: 'text-start', id: 't' };
  for await (const delta of texts) yield { type: 'text-delta', id: 't', delta };
  yield { type: 'text-end', id: 't' };
  yield { type: 'finish' };
}

export function ask(handler) {
  return handler(
    new Request('http://localhost/', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        id: 'c',
        messages: [{ id: 'm', role: 'user', parts: [{ type: 'text', text: 'Hello' }] }],
        trigger: 'submit-message',
      }),
    }),
  );
}

export const openThread = () => 'c';

export function chat(url) {
  const state = {
    status: 'ready',
    error: undefined,
    messages: [],
    pushMessage(message) {
      state.messages = [...state.messages, message];
    },
    popMessage() {
      state.messages = state.messages.slice(0, -1);
    },
    replaceMessage(index, message) {
      state.messages = state.messages.with(index, message);
    },
    snapshot: structuredClone,
  };
  class Chat extends AbstractChat {}
  const client = new Chat({ state, transport: new DefaultChatTransport({ api: url }), onError() {} });
  return {
    send: (text) => void client.sendMessage({ text }),
    look() {
      const answer = client.messages.findLast(({ role }) => role === 'assistant');
      const text =
        answer?.parts
          .filter(({ type }) => type === 'text')
          .map((part) => part.text)
          .join('') ?? '';
      const names = { ready: 'complete', error: 'failed' };
      return { state: names[client.status] ?? client.status, text };
    },
    close: () => client.stop(),
  };
}

/** `isCut`: the stream stops without its `text-end`, as an aborted or broken one does. */
export async function* smooth(source, { isCut = false } = {}) {
  const transform = smoothStream()({ tools: {} });
  const texts = ReadableStream.from(source).pipeThrough(
    new TransformStream({
      start: (controller) => controller.enqueue({ type: 'text-start', id: 't' }),
      transform: (text, controller) => controller.enqueue({ type: 'text-delta', id: 't', text }),
      flush: (controller) => void (isCut || controller.enqueue({ type: 'text-end', id: 't' })),
    }),
  );
  for await (const part of texts.pipeThrough(transform)) if (part.type === 'text-delta') yield part.text;
}

export const bundle = `export { AbstractChat, DefaultChatTransport } from 'ai7';`;
