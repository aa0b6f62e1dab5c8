// The port to a server: what follows the caller's signal goes on following it, whatever the collector takes.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { createAgUiHandler } from '../src/ag-ui/index.ts';
import { callServer } from '../src/shared/chat-kit-handler.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A server that says one word and then waits; whether its request was aborted. */
const silentServer = () => {
  const seen = { isAborted: false };
  const handler = {
    async handle({ signal }: Request) {
      signal.addEventListener('abort', () => {
        seen.isAborted = true;
      });
      const body = new ReadableStream<Uint8Array>({
        start: (controller) =>
          controller.enqueue(new TextEncoder().encode('data: {"type":"progress_update","text":"…"}\n\n')),
      });
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    },
  };
  return { seen, handler };
};

/** What nobody holds is gone afterwards. */
const forget = async () => {
  await turn();
  collect();
  await turn();
};

test('a server hears of an abort while its events are read', async () => {
  const { seen, handler } = silentServer();
  const controller = new AbortController();
  const request = { type: 'threads.list', params: {} } as const;
  const events = (await callServer(handler, request, undefined, { signal: controller.signal, headers: {} }))[
    Symbol.asyncIterator
  ]();
  expect(await events.next()).toMatchObject({ value: { type: 'progress_update' } });
  await forget();
  controller.abort();
  expect(seen.isAborted).toBe(true);
  await events.return?.();
});

test('a server hears of a front end that leaves', async () => {
  const { seen, handler } = silentServer();
  const controller = new AbortController();
  const { body } = await createAgUiHandler(handler)(
    new Request('http://chat.invalid/', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ threadId: 't', runId: 'r', messages: [{ role: 'user', content: 'hi' }] }),
      signal: controller.signal,
    }),
    undefined,
  );
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  await reader.read();
  await forget();
  controller.abort();
  expect(seen.isAborted).toBe(true);
});
