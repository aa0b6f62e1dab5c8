// A tab that reads for others holds back a frame until it is whole, and no more of it than a client would.
import { expect, it } from 'vitest';
import { createChatClient, shareTabs } from '../src/index.ts';

const chunk = new TextEncoder().encode(`data: ${'x'.repeat(1024 * 1024)}`);

/** A server whose answer is one line without an end, and whether its reader has let go of it. */
const endless = () => {
  let chunks = 0;
  let isCancelled = false;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        chunks += 1;
        // So that a reader without a limit fails the test and does not hang it.
        if (chunks > 16) controller.close();
        else controller.enqueue(chunk);
      },
      cancel() {
        isCancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  const headers = { 'content-type': 'text/event-stream', 'chatkit-run-id': 'run_1' };
  return { fetch: async () => new Response(body, { headers }), isCancelled: () => isCancelled };
};

const alone = {
  locks: { request: async (_name: string, _options: object, hold: (lock: unknown) => unknown) => hold({}) },
  openChannel: () => ({ onmessage: null, postMessage() {}, close() {} }),
};

it.each([
  ['without sharing', (fetch: typeof globalThis.fetch) => fetch],
  ['shared with other tabs', (fetch: typeof globalThis.fetch) => shareTabs({ fetch, ...alone })],
] as const)('an event without an end is given up at the limit: %s', async (_, share) => {
  const server = endless();
  const client = createChatClient({ url: 'http://chat.test/', fetch: share(server.fetch) });
  expect(await client.send('Hello').closed).toBe('refused');
  expect(client.getSnapshot().error?.code).toBe('transport.invalid_frame');
  expect(server.isCancelled()).toBe(true);
});
