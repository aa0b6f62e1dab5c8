// The port to a server: what follows the caller's signal goes on following it, whatever the collector takes.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { callServer } from '../src/shared/chat-kit-handler.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('a server hears of an abort while its events are read', async () => {
  let isAborted = false;
  const handler = {
    async handle({ signal }: Request) {
      signal.addEventListener('abort', () => {
        isAborted = true;
      });
      const body = new ReadableStream<Uint8Array>({
        start: (controller) =>
          controller.enqueue(new TextEncoder().encode('data: {"type":"progress_update","text":"…"}\n\n')),
      });
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    },
  };
  const controller = new AbortController();
  const request = { type: 'threads.list', params: {} } as const;
  const events = (await callServer(handler, request, undefined, controller.signal))[Symbol.asyncIterator]();
  expect(await events.next()).toMatchObject({ value: { type: 'progress_update' } });
  await turn();
  collect();
  await turn();
  controller.abort();
  expect(isAborted).toBe(true);
  await events.return?.();
});
