/**
 * Sends the first message of a foreign conversation, which creates its thread. The header `ChatKit-Conversation` names
 * the conversation, so that one of our servers creates one thread for it, however many requests come at once. For
 * servers that ignore the header, the first messages in this process wait for each other.
 */
import type { ChatKitRequestInput, ThreadStreamEvent } from '@chatkit/core';
import { type Caller, type ChatKitHandler, callServer, withHeaders } from './chat-kit-handler.ts';
import { digestOf } from './digest.ts';

/** The first message of a conversation. */
export interface Beginning<Context> {
  readonly conversationId: string;
  readonly request: ChatKitRequestInput;
  readonly context: Context;
  readonly caller: Caller;
  /** Called with the thread's id before the first event is passed on. */
  readonly save: (threadId: string) => Promise<void>;
}

/**
 * Creates the thread of a conversation. `over` resolves when the thread has been saved, or there will be none; it never
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
  // Read eagerly, and not when the events are consumed, because others wait for the thread.
  const opening = called.then((events) => untilCreated(events, save));
  const over = opening.then(
    () => {},
    () => {},
  );
  return { events: called.then((events) => follow(events, opening)), over };
};

/** A caller whose requests name the conversation, by a hash, because a front end may use any string as the name. */
export const inConversation = async (caller: Caller, conversationId: string): Promise<Caller> =>
  withHeaders(caller, { 'chatkit-conversation': await digestOf(conversationId) });

/** Reads the events up to `thread.created`, and saves the thread. */
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
