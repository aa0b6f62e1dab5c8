import {
  assistantMessage,
  type ChatKitRequestInput,
  emptyThreadState,
  isHiddenItem,
  itemAdded,
  reduceThread,
  type Store,
  selectItems,
  type ThreadItem,
  type ThreadStreamEvent,
  textDelta,
} from '@chatkit/core';
import { createMemoryStore } from '@chatkit/store/memory';
import { hang, say, scriptedResponder } from '@chatkit/testing';
import { decodeSse, type SseFrame } from '@chatkit/transport';
import { type ChatKitServer, type CreateChatKitServerOptions, createChatKitServer } from '../src/index.ts';

export interface User {
  userId: string;
}
export const ada: User = { userId: 'ada' };
export const eve: User = { userId: 'eve' };

export type Options = Partial<CreateChatKitServerOptions<User>>;
type Send = { context?: User; headers?: Record<string, string>; signal?: AbortSignal };

/** A server over a memory store, and short ways to ask it. */
export const testServer = (options: Options = {}) => {
  const store: Store<User> = options.store ?? createMemoryStore<User>();
  const errors: unknown[] = [];
  const server = createChatKitServer<User>({
    async *respond() {},
    onError: (error) => errors.push(error),
    ...options,
    store,
  });
  return { server, store, errors, ...callers(server), items: (threadId: string) => allItems(store, threadId) };
};

export const callers = (server: ChatKitServer<User>) => {
  const raw = (body: BodyInit, { context = ada, headers, signal }: Send = {}) =>
    server.handle(
      new Request('http://test/chatkit', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body,
        signal: signal ?? null,
        ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
      } as RequestInit),
      context,
    );
  const send = (request: ChatKitRequestInput, options?: Send) => raw(JSON.stringify(request), options);
  const events = async (request: ChatKitRequestInput, options?: Send): Promise<ThreadStreamEvent[]> => {
    const response = await send(request, options);
    if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
    return eventsOf(await framesOf(response));
  };
  return {
    raw,
    send,
    /** A request that answers with a stream, to its events. */
    events,
    // biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests alone.
    async json(request: ChatKitRequestInput, options?: Send): Promise<any> {
      const response = await send(request, options);
      return { status: response.status, ...((await response.json()) as object) };
    },
    /** A new thread, by a message. */
    async create(text = 'hi', options?: Send): Promise<string> {
      const [first] = await events(create(text), options);
      if (first?.type !== 'thread.created') throw new Error(`expected thread.created, got ${JSON.stringify(first)}`);
      return first.thread.id;
    },
    attach: (query: string, { context = ada, headers, signal }: Send = {}) =>
      server.handle(
        new Request(`http://test/chatkit?${query}`, { headers: headers ?? {}, signal: signal ?? null }),
        context,
      ),
  };
};

export const input = (text: string, more: object = {}) => ({
  content: [{ type: 'input_text' as const, text }],
  attachments: [],
  inference_options: {},
  ...more,
});

export const create = (text = 'hi', more: object = {}): ChatKitRequestInput => ({
  type: 'threads.create',
  params: { input: input(text, more) },
});

export const add = (thread_id: string, text = 'more', more: object = {}): ChatKitRequestInput => ({
  type: 'threads.add_user_message',
  params: { thread_id, input: input(text, more) },
});

export const optIn = { 'chatkit-client': '1' };

/** The headers of a request that names its run. */
export const named = (id: string) => ({ ...optIn, 'chatkit-run-id': id });

/** An application whose first answer stands still in the middle; those after it are whole. */
export const halfway = (options: { deaf?: boolean } = {}) =>
  scriptedResponder((call, index) =>
    index === 0
      ? [itemAdded(assistantMessage({ thread_id: call.thread.id, id: 'a' })), textDelta('a', 'half'), hang(options)]
      : [say(`answer ${index}`)],
  );

export const cancel = (run_id: string): ChatKitRequestInput => ({ type: 'runs.cancel', params: { run_id } });

export const framesOf = async (response: Response): Promise<SseFrame[]> => {
  const frames: SseFrame[] = [];
  if (response.body !== null) for await (const frame of decodeSse(response.body)) frames.push(frame);
  return frames;
};

export const eventsOf = (frames: readonly SseFrame[]): ThreadStreamEvent[] =>
  frames.flatMap(({ event, data }) => (data === undefined || event === 'end' ? [] : [JSON.parse(data)]));

export const outcomeOf = (frames: readonly SseFrame[]): string | undefined => {
  const last = frames.at(-1);
  return last?.event === 'end' ? JSON.parse(last.data as string).outcome : undefined;
};

/** Everything in a thread, oldest first, hidden items included. */
export const allItems = async (store: Store<User>, threadId: string, context: User = ada): Promise<ThreadItem[]> => {
  const { data } = await store.listItems(threadId, { limit: 1000, order: 'asc' }, context);
  return data;
};

/** What a client shows after these events. */
export const shown = (events: readonly ThreadStreamEvent[]): ThreadItem[] =>
  selectItems(events.reduce(reduceThread, emptyThreadState)).filter((item) => !isHiddenItem(item));

/** The types of events, with the type of the item or update that they carry. */
export const outline = (events: readonly ThreadStreamEvent[]): string[] =>
  events.map((event) => {
    if ('item' in event) return `${event.type} ${event.item.type}`;
    if (event.type === 'thread.item.updated') return `${event.type} ${event.update.type}`;
    return event.type;
  });

export const textOf = (item: ThreadItem | undefined): string =>
  item !== undefined && 'content' in item && Array.isArray(item.content)
    ? item.content.map((part) => part.text).join('')
    : '';

/** Lets everything that is ready run. */
export const settle = async (turns = 5): Promise<void> => {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setTimeout(resolve, 0));
};

/** Reads until `enough` says so, then leaves. */
export const readUntil = async (
  response: Response,
  enough: (events: ThreadStreamEvent[]) => boolean,
): Promise<SseFrame[]> => {
  const frames: SseFrame[] = [];
  for await (const frame of decodeSse(response.body as ReadableStream<Uint8Array>)) {
    frames.push(frame);
    if (enough(eventsOf(frames))) break;
  }
  return frames;
};
