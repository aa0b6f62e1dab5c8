/** The requests that bring a user's message, and the one that has an old message answered again. */
import {
  type Attachment,
  type ChatKitRequestOf,
  isChatKitError,
  isHiddenItem,
  itemDone,
  type Store,
  type StoredThread,
  type ThreadItem,
  type ThreadMetadata,
  toWireThread,
  type UserMessageInput,
  type UserMessageItem,
  userMessage,
} from '@chatkit/core';
import { assertSize, tooLarge } from '../own-event.ts';
import type { TurnResult } from '../process-events.ts';
import { messageNameOf } from '../run-id.ts';
import type { ServerParts } from '../server-parts.ts';
import { itemsAfter } from './items-after.ts';
import type { Destination } from './prepare-turn.ts';
import { about, answer, assertOpen, loadItemOf, type Turn, type TurnRun, timestamp } from './turn.ts';

type Params<T extends 'threads.create' | 'threads.add_user_message' | 'threads.retry_after_item'> =
  ChatKitRequestOf<T>['params'];

/**
 * `threads.create`: creates the thread, under the id that its run already uses, with its first message. If the thread
 * already exists, the message is added to it: an earlier attempt created it before its server died, another request
 * started the same conversation, or the application has created it.
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
    await run.writer.write({ type: 'thread.created', thread: toWireThread(stored.thread) });
    return answerIn(place, parts, stored, message, context, run);
  };
  return to.isRepeat ? Object.assign(turn, { isLate: () => isLate(parts, message, to, context) }) : turn;
};

/** Stores a new thread with its first message, or only the message if the thread already exists. */
const beginThread = async <Context>(
  parts: ServerParts<Context>,
  thread: ThreadMetadata,
  message: UserMessageItem,
  to: Destination,
  context: Context,
): Promise<{ stored: StoredThread; place: Place }> => {
  try {
    const version = await parts.store.transaction(async (store) => {
      const saved = await store.saveThread(thread, context, { ifVersion: 0 });
      await saveMessage(store, message, context);
      return saved;
    }, context);
    return { stored: { thread, version }, place: newest };
  } catch (error) {
    if (!isChatKitError(error, 'thread.conflict')) throw error;
  }
  const stored = await parts.store.loadThread(thread.id, context);
  assertOpen(stored.thread);
  return { stored, place: await saveAgain(parts, message, to, context) };
};

/**
 * `threads.add_user_message`: adds a message to an open thread. A message may be sent again under the same run id to a
 * server that does not know the run, because the server that did has died. It then has the same item id and is stored
 * in its original place.
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

/** Sends the message, and answers it unless its stored answer is kept, which is then sent. */
const answerIn = async <Context>(
  { behind, isKept }: Place,
  parts: ServerParts<Context>,
  stored: StoredThread,
  message: UserMessageItem,
  context: Context,
  run: TurnRun,
): Promise<TurnResult> => {
  await run.writer.write({ type: 'thread.item.done', item: message });
  if (!isKept || behind.length === 0) return answer(parts, stored, message, context, run);
  const shown = behind.filter((item) => !isHiddenItem(item));
  for (const item of shown) await run.writer.write({ type: 'thread.item.done', item });
  // Only a hidden note follows: the message's run was stopped before there was any answer.
  return shown.length > 0 ? 'completed' : 'stopped';
};

/**
 * `threads.retry_after_item`: deletes everything after one of the user's messages and answers it again, with the text
 * of `input` if there is one. No events announce the deletions: as in the Python SDK, the client prunes its own list.
 * An unknown id is an error (the Python SDK answers with an empty stream). With `if_newest`, a message that another one
 * follows, of which the client may not know, is left as it is, and the stream brings what follows it.
 */
export const prepareRetryAfterItem = async <Context>(
  parts: ServerParts<Context>,
  { thread_id, item_id, input, if_newest }: Params<'threads.retry_after_item'>,
  context: Context,
): Promise<Turn> => {
  const stored = await parts.store.loadThread(thread_id, context);
  assertOpen(stored.thread);
  const old = await loadItemOf(parts, thread_id, item_id, 'user_message', context);
  const message = input
    ? { ...(await buildMessage(parts, stored.thread, input, context)), id: item_id, created_at: old.created_at }
    : old;
  const turn: Turn = async (run) => {
    const later = await itemsAfter(parts.store, thread_id, item_id, context);
    if (if_newest && later.some(({ type }) => type === 'user_message')) {
      const shown = later.filter((item) => !isHiddenItem(item));
      for (const item of shown.reverse()) await run.writer.write({ type: 'thread.item.done', item });
      return 'completed';
    }
    if (!input && run.signal.aborted) return 'stopped';
    await parts.store.transaction(async (store) => {
      for (const { id } of later) await store.deleteItem(thread_id, id, context);
      if (input) await saveMessage(store, message, context);
    }, context);
    // A run that is stopped by now begins with this: a client that was refused would keep what has been deleted.
    if (input || run.signal.aborted) await run.writer.write({ type: 'thread.item.done', item: message });
    return answer(parts, stored, message, context, run);
  };
  return if_newest ? about(parts, old, context, turn) : turn;
};

const nameOf = ({ threadId, runId }: Destination): string | undefined =>
  runId === undefined ? undefined : messageNameOf(threadId, runId);

/**
 * The message as it will be stored. Its attachments must exist; the copies in the message are bound to the thread.
 * Refused if it is larger than an event may be: text is limited by the request's size, but the names of attachments are
 * not.
 */
const buildMessage = async <Context>(
  parts: ServerParts<Context>,
  thread: ThreadMetadata,
  input: UserMessageInput,
  context: Context,
  name?: string,
): Promise<UserMessageItem> => {
  const attachments = await attachmentsOf(parts, thread, input.attachments, context);
  const message = userMessage({
    id: parts.generateItemId('message', thread, context, name),
    thread_id: thread.id,
    created_at: timestamp(parts.settings),
    content: input.content,
    attachments,
    quoted_text: input.quoted_text,
    inference_options: input.inference_options,
  });
  const done = itemDone(message);
  assertSize(done, JSON.stringify(done), parts.settings.maxEventBytes);
  return message;
};

/**
 * The attachments that a message names, as often as it names them, as the reference has them. Each is loaded once, and
 * their size is limited before they are multiplied: a message may name a large one a thousand times.
 */
const attachmentsOf = async <Context>(
  { store, settings: { maxEventBytes } }: ServerParts<Context>,
  thread: ThreadMetadata,
  ids: readonly string[],
  context: Context,
): Promise<Attachment[]> => {
  const found = new Map<string, { attachment: Attachment; length: number }>();
  let length = 0;
  for (const id of ids) {
    let each = found.get(id);
    if (each === undefined) {
      const attachment = { ...(await store.loadAttachment(id, context)), thread_id: thread.id };
      each = { attachment, length: JSON.stringify(attachment).length };
      found.set(id, each);
    }
    length += each.length;
    if (length > maxEventBytes) throw tooLarge('thread.item.done', maxEventBytes);
  }
  return ids.map((id) => found.get(id)?.attachment as Attachment);
};

const saveMessage = async <Context>(
  store: Store<Context>,
  message: UserMessageItem,
  context: Context,
): Promise<void> => {
  for (const attachment of new Set(message.attachments)) await store.saveAttachment(attachment, context);
  await store.saveItem(message.thread_id, message, context);
};

/**
 * What follows a message in its thread. `behind`: the items after it, oldest first, up to the user's next message.
 * `isKept`: those items stay, because the conversation has gone on, or because they are known to be the whole answer.
 */
interface Place {
  readonly behind: readonly ThreadItem[];
  readonly isKept: boolean;
}

/** A message that has just been stored. */
const newest: Place = { behind: [], isKept: false };

/** The place of a message that may already be stored. */
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
 * Stores a message that may already be stored, perhaps with an answer that its client has never seen. If it cannot be
 * told whether that answer is complete, because its run is not known, the answer is deleted and the message is answered
 * again. If later messages follow, nothing is deleted: the stored answer is sent, and the message is answered only if
 * there is none.
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
