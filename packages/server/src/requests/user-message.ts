/** The requests that bring a message of the user, and the one that has an old message answered anew. */
import {
  type Attachment,
  type ChatKitRequestOf,
  isChatKitError,
  isHiddenItem,
  type Store,
  type StoredThread,
  type ThreadItem,
  type ThreadMetadata,
  toWireThread,
  type UserMessageInput,
  type UserMessageItem,
  userMessage,
} from '@chatkit/core';
import type { TurnResult } from '../process-events.ts';
import { messageNameOf } from '../run-id.ts';
import type { ServerParts } from '../server-parts.ts';
import { itemsAfter } from './items-after.ts';
import type { Destination } from './prepare-turn.ts';
import { answer, assertOpen, loadItemOf, type Turn, type TurnRun, timestamp } from './turn.ts';

type Params<T extends 'threads.create' | 'threads.add_user_message' | 'threads.retry_after_item'> =
  ChatKitRequestOf<T>['params'];

/**
 * `threads.create`: a new thread, under an id that the run knows already, with its first message. One that is there
 * already, because an earlier attempt began it and its server died or because another request begins the same
 * conversation, gets the message.
 */
export const prepareCreate = async <Context>(
  parts: ServerParts<Context>,
  to: Destination,
  { input }: Params<'threads.create'>,
  context: Context,
): Promise<Turn> => {
  const thread: ThreadMetadata = {
    id: to.threadId,
    created_at: timestamp(parts.settings),
    status: { type: 'active' },
    metadata: {},
  };
  const message = await buildMessage(parts, thread, input, context, nameOf(to));
  const turn: Turn = async (run) => {
    const { stored, place } = await beginThread(parts, thread, message, to, context);
    await run.voice.say({ type: 'thread.created', thread: toWireThread(stored.thread) });
    return answerIn(place, parts, stored, message, context, run);
  };
  return to.isRepeat ? Object.assign(turn, { isLate: () => isLate(parts, message, to, context) }) : turn;
};

/** Stores a thread with its first message, or the message alone in a thread that has been begun under the same name. */
const beginThread = async <Context>(
  parts: ServerParts<Context>,
  thread: ThreadMetadata,
  message: UserMessageItem,
  to: Destination,
  context: Context,
): Promise<{ stored: StoredThread; place: Place }> => {
  try {
    const version = await parts.store.transaction(async (store) => {
      const saved = await store.saveThread(thread, context, to.isNamed ? { ifVersion: 0 } : {});
      await saveMessage(store, message, context);
      return saved;
    }, context);
    return { stored: { thread, version }, place: newest };
  } catch (error) {
    if (!to.isNamed || !isChatKitError(error, 'thread.conflict')) throw error;
  }
  const stored = await parts.store.loadThread(thread.id, context);
  assertOpen(stored.thread);
  return { stored, place: await saveAgain(parts, message, to, context) };
};

/**
 * `threads.add_user_message`: a message to a thread that is there and takes messages. Sent again under the run's id, to
 * a server that has never heard of the run because the one that did has died, it is stored in its own place.
 */
export const prepareAddUserMessage = async <Context>(
  parts: ServerParts<Context>,
  to: Destination,
  { thread_id, input }: Params<'threads.add_user_message'>,
  context: Context,
): Promise<Turn> => {
  const stored = await parts.store.loadThread(thread_id, context);
  assertOpen(stored.thread);
  const message = await buildMessage(parts, stored.thread, input, context, nameOf(to));
  if (to.isRepeat) {
    const turn: Turn = async (run) =>
      answerIn(await saveAgain(parts, message, to, context), parts, stored, message, context, run);
    return Object.assign(turn, { isLate: () => isLate(parts, message, to, context) });
  }
  return async (run) => {
    await parts.store.transaction((store) => saveMessage(store, message, context), context);
    return answerIn(newest, parts, stored, message, context, run);
  };
};

/** Tells the message, and answers it if nobody has. */
const answerIn = async <Context>(
  { behind, isKept }: Place,
  parts: ServerParts<Context>,
  stored: StoredThread,
  message: UserMessageItem,
  context: Context,
  run: TurnRun,
): Promise<TurnResult> => {
  await run.voice.say({ type: 'thread.item.done', item: message });
  if (!isKept || behind.length === 0) return answer(parts, stored, message, context, run);
  const shown = behind.filter((item) => !isHiddenItem(item));
  for (const item of shown) await run.voice.say({ type: 'thread.item.done', item });
  // A note alone tells that it was stopped before anything was said to it.
  return shown.length > 0 ? 'completed' : 'stopped';
};

/**
 * `threads.retry_after_item`: forgets everything after one of the user's messages and answers it again, in the words of
 * `input` if it has one. No event tells of the deletions: the client prunes its own list, as the reference has it. An
 * unknown id is an error (the reference answers with an empty stream).
 */
export const prepareRetryAfterItem = async <Context>(
  parts: ServerParts<Context>,
  { thread_id, item_id, input }: Params<'threads.retry_after_item'>,
  context: Context,
): Promise<Turn> => {
  const stored = await parts.store.loadThread(thread_id, context);
  assertOpen(stored.thread);
  const old = await loadItemOf(parts, thread_id, item_id, 'user_message', context);
  const message = input
    ? { ...(await buildMessage(parts, stored.thread, input, context)), id: item_id, created_at: old.created_at }
    : old;
  return async (run) => {
    const later = await itemsAfter(parts.store, thread_id, item_id, context);
    await parts.store.transaction(async (store) => {
      for (const { id } of later) await store.deleteItem(thread_id, id, context);
      if (input) await saveMessage(store, message, context);
    }, context);
    if (input) await run.voice.say({ type: 'thread.item.done', item: message });
    return answer(parts, stored, message, context, run);
  };
};

const nameOf = ({ threadId, runId }: Destination): string | undefined =>
  runId === undefined ? undefined : messageNameOf(threadId, runId);

/** The message as it will be stored. Its attachments must be there; they are bound to the thread by a copy. */
const buildMessage = async <Context>(
  parts: ServerParts<Context>,
  thread: ThreadMetadata,
  input: UserMessageInput,
  context: Context,
  name?: string,
): Promise<UserMessageItem> => {
  const attachments: Attachment[] = [];
  for (const id of input.attachments) {
    attachments.push({ ...(await parts.store.loadAttachment(id, context)), thread_id: thread.id });
  }
  return userMessage({
    id: parts.generateItemId('message', thread, context, name),
    thread_id: thread.id,
    created_at: timestamp(parts.settings),
    content: input.content,
    attachments,
    quoted_text: input.quoted_text,
    inference_options: input.inference_options,
  });
};

const saveMessage = async <Context>(
  store: Store<Context>,
  message: UserMessageItem,
  context: Context,
): Promise<void> => {
  for (const attachment of message.attachments) await store.saveAttachment(attachment, context);
  await store.saveItem(message.thread_id, message, context);
};

/**
 * Where a message stands. `behind`: what follows it, oldest first, up to the next message of the user. `isKept`: it
 * stays, as the conversation has gone on, or it is known for the whole answer.
 */
interface Place {
  readonly behind: readonly ThreadItem[];
  readonly isKept: boolean;
}

/** A message that has just been stored. */
const newest: Place = { behind: [], isKept: false };

/** The place of a message that may be there already. */
const placeOf = async <Context>(
  store: Store<Context>,
  message: UserMessageItem,
  { hasAnswer }: Destination,
  context: Context,
): Promise<Place> => {
  if (!(await isThere(store, message, context))) return newest;
  const later = (await itemsAfter(store, message.thread_id, message.id, context)).reverse();
  const next = later.findIndex(({ type }) => type === 'user_message');
  if (next >= 0) return { behind: later.slice(0, next), isKept: true };
  return { behind: later, isKept: hasAnswer && later.some((item) => !isHiddenItem(item)) };
};

const isLate = async <Context>(
  { store }: ServerParts<Context>,
  message: UserMessageItem,
  to: Destination,
  context: Context,
): Promise<boolean> => (await placeOf(store, message, to, context)).isKept;

/**
 * Stores a message that may be there already, with an answer of which its client has never heard. Where nobody can tell
 * whether that is whole, as no run is known that made it, it is taken back, and the message answered anew. Where other
 * messages came behind it nothing is taken back: what is there is told, and only a message with nothing behind it is
 * answered.
 */
const saveAgain = async <Context>(
  { store }: ServerParts<Context>,
  message: UserMessageItem,
  to: Destination,
  context: Context,
): Promise<Place> => {
  const place = await placeOf(store, message, to, context);
  await store.transaction(async (inner) => {
    await saveMessage(inner, message, context);
    if (!place.isKept) for (const { id } of place.behind) await inner.deleteItem(message.thread_id, id, context);
  }, context);
  return place;
};

const isThere = async <Context>(
  store: Store<Context>,
  { thread_id, id }: UserMessageItem,
  context: Context,
): Promise<boolean> => {
  try {
    await store.loadItem(thread_id, id, context);
    return true;
  } catch (error) {
    if (isChatKitError(error, 'item.not_found') || isChatKitError(error, 'thread.not_found')) return false;
    throw error;
  }
};
