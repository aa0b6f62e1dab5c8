/**
 * The first message of a foreign conversation. A server of ours is told which conversation it is
 * (`ChatKit-Conversation`), and has one thread for it, whoever asks and however often. Before one that does not look at
 * it, the messages of this process wait for each other.
 */
import type { ChatKitRequestInput, ThreadStreamEvent } from '@chatkit/core';
import { type Caller, type ChatKitHandler, callServer, withHeaders } from './chat-kit-handler.ts';
import { digestOf } from './digest.ts';

/** What begins one conversation. */
export interface Beginning<Context> {
  readonly conversationId: string;
  readonly request: ChatKitRequestInput;
  readonly context: Context;
  readonly caller: Caller;
  /** Told the thread, before its first event is handed on. */
  readonly save: (threadId: string) => Promise<void>;
}

/**
 * Begins the thread of a conversation. `over` resolves when the thread has been saved, or there will be none; it never
 * rejects.
 */
export const beginThread = <Context>(
  server: ChatKitHandler<Context>,
  { conversationId, request, context, caller, save }: Beginning<Context>,
): { events: Promise<AsyncIterable<ThreadStreamEvent>>; over: Promise<void> } => {
  const called = inConversation(caller, conversationId).then(async (named) => {
    const events = await callServer(server, request, context, named);
    return events[Symbol.asyncIterator]();
  });
  // Read here, and not when somebody takes it: others wait for it.
  const opening = called.then((events) => untilCreated(events, save));
  const over = opening.then(
    () => {},
    () => {},
  );
  return { events: called.then((events) => follow(events, opening)), over };
};

/** A caller whose requests name a conversation: by a hash, because a front end may call it anything. */
export const inConversation = async (caller: Caller, conversationId: string): Promise<Caller> =>
  withHeaders(caller, { 'chatkit-conversation': await digestOf(conversationId) });

/** The events up to the one that tells of the thread, which has been saved then. */
const untilCreated = async (
  events: AsyncIterator<ThreadStreamEvent>,
  save: (threadId: string) => Promise<void>,
): Promise<readonly ThreadStreamEvent[]> => {
  const first: ThreadStreamEvent[] = [];
  for (;;) {
    const { done, value } = await events.next();
    if (done === true) return first;
    first.push(value);
    if (value.type !== 'thread.created') continue;
    await save(value.thread.id);
    return first;
  }
};

async function* follow(
  events: AsyncIterator<ThreadStreamEvent>,
  opening: Promise<readonly ThreadStreamEvent[]>,
): AsyncGenerator<ThreadStreamEvent, void, undefined> {
  yield* await opening;
  yield* { [Symbol.asyncIterator]: () => events };
}
