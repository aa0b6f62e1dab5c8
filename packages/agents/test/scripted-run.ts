import type { ThreadMetadata, ThreadStreamEvent } from '@chatkit/core';
import { createMemoryStore } from '@chatkit/store/memory';
import { AgentContext, type AgentRun, type AgentRunEvent } from '../src/index.ts';

export const thread: ThreadMetadata = {
  id: 'thr_1',
  created_at: '2026-01-01T00:00:00Z',
  status: { type: 'active' },
  metadata: {},
};

/** Ids that count: `message_1`, `workflow_1`… */
export const countingIds = () => {
  const counts = new Map<string, number>();
  return (kind: string): string => {
    const next = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, next);
    return `${kind}_${next}`;
  };
};

/** A context over an empty memory store, with ids that count and a clock that stands still unless it is moved. */
export const createContext = async (options: { clock?: { now: number }; items?: ThreadItems } = {}) => {
  const store = createMemoryStore<string>();
  const clock = options.clock ?? { now: Date.parse('2026-01-01T00:00:00Z') };
  await store.saveThread(thread, 'user');
  for (const item of options.items ?? []) await store.saveItem(thread.id, item, 'user');
  return new AgentContext({
    thread: structuredClone(thread),
    store,
    requestContext: 'user',
    createId: countingIds(),
    now: () => clock.now,
  });
};

type ThreadItems = Parameters<ReturnType<typeof createMemoryStore>['saveItem']>[1][];

/** A run that sends `events`; a function among them is called in its place. */
export const scriptedRun = (
  events: readonly (AgentRunEvent | (() => void))[],
  result: Pick<AgentRun, 'cancelled' | 'interruptions'> = {},
): AgentRun => ({
  ...result,
  async *[Symbol.asyncIterator]() {
    for (const event of events) {
      if (typeof event === 'function') event();
      else yield event;
    }
  },
});

/** A Responses event as the SDK wraps it. */
export const responses = (event: object): AgentRunEvent => ({
  type: 'raw_model_stream_event',
  source: 'openai-responses',
  data: { type: 'model', event },
});

/** An event in the SDK's own form. */
export const raw = (data: object, source?: string): AgentRunEvent => ({
  type: 'raw_model_stream_event',
  source,
  data,
});

export const collectAll = async (events: AsyncIterable<ThreadStreamEvent>): Promise<ThreadStreamEvent[]> => {
  const all: ThreadStreamEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
};

/** The shape of a stream in one line a event. */
export const outline = (events: readonly ThreadStreamEvent[]): string[] =>
  events.map((event) => {
    switch (event.type) {
      case 'thread.item.added':
      case 'thread.item.done':
      case 'thread.item.replaced':
        return `${event.type.slice(12)} ${event.item.type} ${event.item.id}`;
      case 'thread.item.updated':
        return `${event.update.type} ${event.item_id}`;
      case 'thread.item.removed':
        return `removed ${event.item_id}`;
      default:
        return event.type;
    }
  });
