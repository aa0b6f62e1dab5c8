import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createChatClient } from '@chatkit/client';
import type { ThreadStreamEvent } from '@chatkit/core';
import { createChatKitServer } from '@chatkit/server';
import { toNodeHandler } from '@chatkit/server/node';
import { createMemoryStore } from '@chatkit/store/memory';
import { Agent, type Model, type ModelRequest, run as runAgent, setTracingDisabled } from '@openai/agents';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AgentContext, simpleToAgentInput, streamAgentResponse } from '../src/index.ts';

// The client's stop button, over real sockets, to the signal that the model was given.

beforeAll(() => setTracingDisabled(true));

let modelSignal: AbortSignal | undefined;
let stopped: Promise<void> = Promise.resolve();

/** A model that writes for ever, and notes the signal that it is given. */
const endless: Model = {
  getResponse: () => Promise.reject(new Error('not streamed')),
  async *getStreamedResponse(request: ModelRequest) {
    modelSignal = request.signal;
    stopped = request.signal ? once(request.signal, 'abort').then(() => {}) : Promise.resolve();
    yield { type: 'response_started' };
    while (modelSignal?.aborted !== true) {
      yield { type: 'output_text_delta', delta: 'word ' };
      await new Promise((resolve) => setImmediate(resolve));
    }
  },
};

const store = createMemoryStore<undefined>();
const server = createChatKitServer<undefined>({
  store,
  async *respond(thread, _input, requestContext, run) {
    const agent = new Agent<AgentContext<undefined>>({ name: 'Assistant', model: endless });
    const context = new AgentContext({ thread, store, requestContext, signal: run.signal });
    const page = await store.listItems(thread.id, { limit: 50, order: 'desc' }, requestContext);
    const input = await simpleToAgentInput(page.data.reverse());
    yield* streamAgentResponse(context, await runAgent(agent, input, { stream: true, context, signal: run.signal }));
  },
});
const http = createServer(toNodeHandler(server, { context: () => undefined }));
beforeAll(() => new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', resolve)));
afterAll(() => {
  http.closeAllConnections();
  http.close();
});

test('stop reaches the model, keeps what was written, and nothing follows the end', async () => {
  const { port } = http.address() as AddressInfo;
  const client = createChatClient({ url: `http://127.0.0.1:${port}/` });
  const events: ThreadStreamEvent[] = [];
  const run = client.send('Write for ever');
  for await (const event of run) {
    events.push(event);
    if (event.type === 'thread.item.updated' && events.length > 8) break;
  }
  await client.stop();
  await stopped;
  expect(modelSignal?.aborted).toBe(true);
  expect(await run.done).toBe('cancelled');

  const [thread] = (await store.listThreads({ limit: 1, order: 'asc' }, undefined)).data;
  const read = async () => (await store.listItems(thread?.id ?? '', { limit: 10, order: 'asc' }, undefined)).data;
  const items = await read();
  expect(items.map((item) => item.type)).toEqual(['user_message', 'assistant_message', 'sdk_hidden_context']);
  expect(items[1]).toMatchObject({ content: [{ text: expect.stringMatching(/^(word )+$/) }] });
  await new Promise((resolve) => setImmediate(resolve));
  expect(await read()).toEqual(items);
});
