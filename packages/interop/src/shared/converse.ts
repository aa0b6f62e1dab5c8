/**
 * Runs one turn of a foreign conversation: finds its thread, sends the new message to the ChatKit server, and remembers
 * a thread that was created.
 */
import {
  ChatKitError,
  type ChatKitRequestInput,
  createId,
  isChatKitError,
  type ThreadItem,
  type ThreadStreamEvent,
  type UserMessageInput,
} from '@chatkit/core';
import { type Clock, collect, systemClock } from '@chatkit/stream';
import { beginThread } from './begin-thread.ts';
import { askServer, type Caller, type ChatKitHandler, callServer, withHeaders } from './chat-kit-handler.ts';
import { digestOf } from './digest.ts';
import { findMessage } from './find-message.ts';
import { findThread } from './find-thread.ts';
import { itemPages } from './item-pages.ts';
import { type Conversation, createResuming, type Look, type Resumed } from './resume.ts';
import { createSentMessages } from './sent-messages.ts';
import { createStays } from './stays.ts';
import { createMemoryLinks, type MemoryLinksOptions, type ThreadLinks } from './thread-links.ts';
import { type OutputRequest, outputRequests, type ToolOutput } from './tool-outputs.ts';

/**
 * The new part of a conversation: a user's message, a message that is to be answered again, perhaps after an edit, or
 * one or more outputs of tools that the client ran. `id`: the client's id of the message, the same each time it is
 * sent. `request`: the client's id of the request. `attach`: creates the attachments of a message that has files.
 */
export type Said =
  | (Message & { readonly kind: 'message'; readonly request: string })
  | (Message & { readonly kind: 'message again' | 'message edited' })
  | { readonly kind: 'tool outputs'; readonly outputs: readonly ToolOutput[] };

interface Message {
  readonly text: string;
  readonly id: string | undefined;
  readonly attach?: (() => Promise<string[]>) | undefined;
}

export interface ConversationOptions<Context> extends MemoryLinksOptions<Context> {
  /** Remembers which thread belongs to which conversation. Default: in memory. */
  links?: ThreadLinks<Context> | undefined;
  /** The maximum size of a request. These clients send the whole history, with its images, each time. Default 8 MiB. */
  maxBodyBytes?: number | undefined;
  /** The clock that measures silence and periods of grace, replaceable for tests. Default: the runtime's. */
  clock?: Clock | undefined;
}

/** Runs one turn on the server. */
export type Converse<Context> = (
  conversationId: string,
  said: Said,
  context: Context,
  caller: Caller,
) => Promise<AsyncIterable<ThreadStreamEvent>>;

/** The conversations of one handler. */
export interface Conversations<Context> {
  readonly converse: Converse<Context>;
  /** All items of a conversation, oldest first; empty if the conversation is unknown. */
  read(conversationId: string, context: Context, caller: Caller): Promise<ThreadItem[]>;
  /** The same, and what `look` has found in the run that is in progress. */
  readRunning<T>(
    conversationId: string,
    look: Look<T>,
    context: Context,
    caller: Caller,
  ): Promise<{ items: ThreadItem[]; found: T | undefined }>;
  /** The answer that a client comes back to; `undefined` if there is none. */
  resume(conversationId: string, context: Context, caller: Caller): Promise<Resumed | undefined>;
  /** Stops the run that is in progress, if there is one. */
  stop(conversationId: string, context: Context, caller: Caller): Promise<void>;
}

/** `graceMs`: how long a client that has left may take to come back before its run is stopped. */
export const createConversations = <Context>(
  server: ChatKitHandler<Context>,
  options: ConversationOptions<Context>,
  graceMs = 0,
): Conversations<Context> => {
  const links = options.links ?? createMemoryLinks(options);
  const find = async (conversationId: string, context: Context, caller: Caller): Promise<string | undefined> =>
    (await findThread(server, conversationId, undefined, context, caller))?.id;
  const threadOf = async (conversationId: string, context: Context, caller: Caller): Promise<string | undefined> =>
    (await links.load(conversationId, context)) ?? (await find(conversationId, context, caller));
  const clock = options.clock ?? systemClock;
  const stays = createStays(graceMs, clock);
  const resuming = createResuming(server, links, stays, clock);
  const conversationOf = (id: string, context: Context): Conversation<Context> => ({
    key: JSON.stringify([options.userOf?.(context), id]),
    id,
    context,
  });
  const sent = createSentMessages();
  /** Conversations whose thread is being created by this process. */
  const beginning = new Map<string, Promise<void>>();
  const converse = async (
    conversationId: string,
    said: Said,
    context: Context,
    caller: Caller,
    onRun: (runId: string) => void,
  ): Promise<AsyncIterable<ThreadStreamEvent>> => {
    const conversation = [options.userOf?.(context), conversationId];
    const key = JSON.stringify(conversation);
    if (said.kind === 'tool outputs') {
      const threadId = await threadOf(conversationId, context, caller);
      if (threadId === undefined)
        throw new ChatKitError('thread.not_found', 'No tool was called in this conversation.');
      return handOver(server, threadId, said.outputs, conversation, context, caller, onRun);
    }
    const name = await nameOf(conversation, ['message', said.id, said.text]);
    const message =
      said.kind === 'message' && name !== undefined ? sent.note(name, said.request, caller.signal) : undefined;
    const isAgain = said.kind !== 'message' || message?.isAgain === true;
    const isNamed = name !== undefined && !isAgain;
    // Any run has an id of ours: only such a run is kept for those who come back, and counts readers elsewhere.
    const runId = isNamed ? name : createId('run');
    onRun(runId);
    const named = asRun(caller, runId, isNamed);
    let made: Promise<UserMessageInput> | undefined;
    const input = () => {
      made ??= toInput(said, () => askServer(server, anyRequest, context, caller));
      return made;
    };
    for (;;) {
      const threadId =
        (await links.load(conversationId, context)) ??
        (said.kind === 'message' && !isAgain ? undefined : await find(conversationId, context, caller));
      if (threadId !== undefined) {
        try {
          const next = isAgain
            ? await retry(server, threadId, { said, name, input }, context, caller)
            : addMessage(threadId, await input());
          return whole(await callServer(server, next, context, named), message?.over);
        } catch (error) {
          // The thread has been deleted, so the conversation continues in a new one.
          if (!isChatKitError(error, 'thread.not_found')) throw error;
        }
      }
      const first = await input();
      const other = beginning.get(key);
      if (other !== undefined) {
        await other;
        continue;
      }
      const { events, over } = beginThread(server, {
        conversationId,
        request: { type: 'threads.create', params: { input: first } },
        context,
        caller: named,
        save: (created) => links.save(conversationId, created, context),
      });
      beginning.set(
        key,
        over.then(() => void beginning.delete(key)),
      );
      return whole(await events, message?.over);
    }
  };
  return {
    converse(conversationId, said, context, client) {
      const conversation = conversationOf(conversationId, context);
      const { key } = conversation;
      resuming.goOn(key);
      let runId: string | undefined;
      const stay = stays.begin(key, client, () => {
        if (runId !== undefined) resuming.left(key, runId);
      });
      const onRun = (id: string): void => {
        runId = id;
      };
      return stay.follow(() => converse(conversationId, said, context, stay.caller, onRun));
    },
    resume: (conversationId, context, client) => resuming.resume(conversationOf(conversationId, context), client),
    stop: (conversationId, context, caller) => resuming.stop(conversationOf(conversationId, context), caller),
    async read(conversationId, context, caller) {
      const thread_id = await threadOf(conversationId, context, caller);
      return thread_id === undefined ? [] : readItems(server, thread_id, context, caller);
    },
    async readRunning(conversationId, look, context, caller) {
      const thread = await resuming.find(conversationOf(conversationId, context), caller);
      if (thread === undefined) return { items: [], found: undefined };
      const items = await readItems(server, thread.id, context, caller);
      // Nothing of the answer is stored, so nothing depends on how the run begins.
      if (items.at(-1)?.type === 'user_message') return { items, found: undefined };
      return { items, found: await resuming.look(thread, look, context, caller) };
    },
  };
};

const readItems = async <Context>(
  server: ChatKitHandler<Context>,
  threadId: string,
  context: Context,
  caller: Caller,
): Promise<ThreadItem[]> => (await collect(itemPages(server, threadId, 'asc', context, caller))).flat();

/** Sends the outputs of tools, and resolves with the events of the answer to the last. */
const handOver = async <Context>(
  server: ChatKitHandler<Context>,
  threadId: string,
  outputs: readonly ToolOutput[],
  conversation: readonly unknown[],
  context: Context,
  caller: Caller,
  onRun: (runId: string) => void,
): Promise<AsyncIterable<ThreadStreamEvent>> => {
  const send = async ({ output, request }: OutputRequest): Promise<AsyncIterable<ThreadStreamEvent>> => {
    const name = await nameOf(conversation, ['tool output', output.id && JSON.stringify(output.id)]);
    const runId = name ?? createId('run');
    onRun(runId);
    return callServer(server, request, context, asRun(caller, runId, name !== undefined));
  };
  const requests = [...(await outputRequests(server, threadId, outputs, context, caller))];
  const last = requests.pop() as OutputRequest;
  for (const each of requests) for await (const _ of await send(each));
  return send(last);
};

/**
 * A run id that is the same each time the client sends the same message; `undefined` if the client gives the message no
 * id. Half of it is of what the client calls it alone: the same when it says something else by that name.
 */
const nameOf = async (
  conversation: readonly unknown[],
  what: readonly [kind: string, id: string | undefined, text?: string],
): Promise<string | undefined> => {
  if (what[1] === undefined) return undefined;
  const [called, said] = await Promise.all([
    digestOf([conversation, what.slice(0, 2)]),
    digestOf([conversation, what]),
  ]);
  return `run_${called.slice(0, 12)}${said.slice(0, 12)}`;
};

/**
 * A caller whose request has a run id, by which the server stores a message once. If the id is the message's name, the
 * request says that it may be a repeat: the message is not answered twice either.
 */
const asRun = (caller: Caller, runId: string, isNamed: boolean): Caller =>
  withHeaders(caller, { 'chatkit-run-id': runId, ...(isNamed && { 'chatkit-repeat': '1' }) });

/** Calls `onOver` when the last event has been consumed. */
async function* whole(
  events: AsyncIterable<ThreadStreamEvent>,
  onOver: (() => void) | undefined,
): AsyncGenerator<ThreadStreamEvent, void, undefined> {
  yield* events;
  onOver?.();
}

const addMessage = (thread_id: string, input: UserMessageInput): ChatKitRequestInput => ({
  type: 'threads.add_user_message',
  params: { thread_id, input },
});

/**
 * The request that has a message answered again, with its new text if it was edited; everything after the message is
 * deleted. If the message is not found, the text is sent as a new one.
 */
const retry = async <Context>(
  server: ChatKitHandler<Context>,
  thread_id: string,
  {
    said,
    name,
    input,
  }: {
    said: Exclude<Said, { kind: 'tool outputs' }>;
    name: string | undefined;
    input: () => Promise<UserMessageInput>;
  },
  context: Context,
  caller: Caller,
): Promise<ChatKitRequestInput> => {
  const sought = {
    digits: name?.replace('run', ''),
    id: said.id,
    isEdited: said.kind !== 'message',
    text: said.kind === 'message again' ? said.text : undefined,
  };
  const item_id = await findMessage(itemPages(server, thread_id, 'desc', context, caller), sought);
  if (item_id === undefined) return addMessage(thread_id, await input());
  const edited = said.kind === 'message edited' ? { input: await input() } : {};
  return { type: 'threads.retry_after_item', params: { thread_id, item_id, ...edited } };
};

/** For the server's checks of the caller. */
const anyRequest: ChatKitRequestInput = { type: 'threads.list', params: { limit: 1 } };

/** `admit` rejects if the server takes nothing of this caller: then the application must not store a file either. */
const toInput = async ({ text, attach }: Message, admit: () => Promise<unknown>): Promise<UserMessageInput> => {
  if (attach !== undefined) await admit();
  return {
    content: [{ type: 'input_text', text }],
    attachments: attach === undefined ? [] : await attach(),
    inference_options: {},
  };
};
