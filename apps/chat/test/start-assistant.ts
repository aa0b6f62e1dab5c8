/** The demo's assistant in this process, and a client that talks to it without a network. */
import { createChatClient } from '@chatkit/client';
import type { ThreadItem, ThreadStreamEvent } from '@chatkit/core';
import { createMemoryStore } from '@chatkit/store/memory';
import type { Model, ModelSettings } from '@openai/agents';
import { DemoConverter } from '../server/agent/cite-passages.ts';
import { createAgent } from '../server/agent/create-agent.ts';
import type { ModelName } from '../server/agent/to-user-error.ts';
import type { Visitor } from '../server/anonymous-user.ts';
import { Assistant } from '../server/assistant.ts';
import type { PassageIndex } from '../server/knowledge/passage-index.ts';
import { createOfflineModel, type OfflineModelOptions } from '../server/offline/offline-model.ts';
import { index as smallIndex } from './fixtures.ts';

export interface AssistantSetup {
  readonly index?: PassageIndex;
  /** Instead of the offline model. */
  readonly model?: Model;
  readonly modelSettings?: ModelSettings;
  readonly name?: ModelName;
  /** Of the offline model. Default: no delay at all. */
  readonly speed?: Partial<OfflineModelOptions>;
  /** The tools of the page. */
  readonly onClientTool?: (call: { name: string; arguments: Readonly<Record<string, unknown>> }) => unknown;
}

export const startAssistant = (setup: AssistantSetup = {}) => {
  const { index = smallIndex, name } = setup;
  const visitor: Visitor = { userId: 'ada' };
  const store = createMemoryStore<Visitor>({ userOf: (each) => each.userId });
  const lines: string[] = [];
  const errors: unknown[] = [];
  const offline = createOfflineModel({ index, tokensPerSecond: Number.POSITIVE_INFINITY, readMs: 0, ...setup.speed });
  const server = new Assistant({
    store,
    agent: createAgent({ index, pauseMs: 0, model: setup.model ?? offline, modelSettings: setup.modelSettings }),
    converter: new DemoConverter(index),
    model: name,
    onEnd: (line) => lines.push(line),
    onError: (error) => errors.push(error),
  });
  const client = createChatClient({
    url: 'http://demo.test/chatkit',
    extensions: true,
    fetch: (input, init) => server.handle(new Request(input, init), visitor),
    ...(setup.onClientTool === undefined ? {} : { onClientTool: setup.onClientTool }),
  });
  const read = async (run: { [Symbol.asyncIterator](): AsyncIterator<ThreadStreamEvent> }) => {
    const events: ThreadStreamEvent[] = [];
    for await (const event of { [Symbol.asyncIterator]: () => run[Symbol.asyncIterator]() }) events.push(event);
    return events;
  };
  return {
    server,
    store,
    client,
    visitor,
    lines,
    errors,
    read,
    /** Sends a message and returns the events of the whole turn. */
    ask: (text: string) => read(client.send(text)),
    /** What is on the screen, as a list of types, and the last answer's text. */
    types: () => client.getSnapshot().items.map((item) => item.type),
    answer: () => answerOf(client.getSnapshot().items),
    /** What is in the store, hidden items included. */
    async stored(): Promise<ThreadItem[]> {
      const id = client.getSnapshot().thread?.id ?? '';
      return (await store.listItems(id, { limit: 100, order: 'asc' }, visitor)).data;
    },
  };
};

const answerOf = (items: readonly ThreadItem[]): string => {
  const item = items.findLast((each) => each.type === 'assistant_message');
  return item?.type === 'assistant_message' ? item.content.map((part) => part.text).join('') : '';
};
