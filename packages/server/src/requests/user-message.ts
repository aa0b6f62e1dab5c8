/** The requests that bring a message of the user, and the one that has an old message answered anew. */
import {
  type Attachment,
  ChatKitError,
  type ChatKitRequestOf,
  isChatKitError,
  type Store,
  type StoredThread,
  type ThreadMetadata,
  toWireThread,
  type UserMessageInput,
  type UserMessageItem,
  userMessage,
} from '@chatkit/core';
import type { ServerParts } from '../parts.ts';
import { messageNameOf } from '../run-id.ts';
import type { Destination } from './prepare.ts';
import { answer, assertOpen, loadItemOf, type Turn, timestamp } from './turn.ts';

type Params<T extends 'threads.create' | 'threads.add_user_message' | 'threads.retry_after_item'> =
  ChatKitRequestOf<T>['params'];

/**
 * `threads.create`: a new thread, under an id that the run knows already, with its first message. One that is there already, because
 * an earlier attempt began it and its server died or because another request begins the same conversation, gets the message.
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
  return async (run) => {
    const stored = await beginThread(parts, thread, message, context, to.isNamed);
    await run.voice.say({ type: 'thread.created', thread: toWireThread(stored.thread) });
    await run.voice.say({ type: 'thread.item.done', item: message });
    return answer(parts, stored, message, context, run);
  };
};

/** Stores a thread with its first message, or the message alone in a thread that has been begun under the same name. */
const beginThread = async <Context>(
  parts: ServerParts<Context>,
  thread: ThreadMetadata,
  message: UserMessageItem,
  context: Context,
  isNamed: boolean,
): Promise<StoredThread> => {
  try {
    const version = await parts.store.transaction(async (store) => {
      const saved = await store.saveThread(thread, context, isNamed ? { ifVersion: 0 } : {});
      await saveMessage(store, message, context);
      return saved;
    }, context);
    return { thread, version };
  } catch (error) {
    if (!isNamed || !isChatKitError(error, 'thread.conflict')) throw error;
  }
  const stored = await parts.store.loadThread(thread.id, context);
  assertOpen(stored.thread);
  await parts.store.transaction((store) => saveMessage(store, message, context), context);
  return stored;
};

/**
 * `threads.add_user_message`: a message to a thread that is there and takes messages. Sent again under the run's id, to a
 * server that has never heard of the run because the one that did has died, it is stored in its own place.
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
  return async (run) => {
    await parts.store.transaction((store) => saveMessage(store, message, context), context);
    await run.voice.say({ type: 'thread.item.done', item: message });
    return answer(parts, stored, message, context, run);
  };
};

/**
 * `threads.retry_after_item`: forgets everything after one of the user's messages and answers it again. No event tells
 * of the deletions: the client prunes its own list, as the reference has it. An unknown id is an error (the reference
 * answers with an empty stream).
 */
export const prepareRetryAfterItem = async <Context>(
  parts: ServerParts<Context>,
  { thread_id, item_id }: Params<'threads.retry_after_item'>,
  context: Context,
): Promise<Turn> => {
  const stored = await parts.store.loadThread(thread_id, context);
  assertOpen(stored.thread);
  const message = await loadItemOf(parts, thread_id, item_id, 'user_message', context);
  return async (run) => {
    const later = await itemsAfter(parts.store, stored, item_id, context);
    await parts.store.transaction(async (store) => {
      for (const id of later) await store.deleteItem(thread_id, id, context);
    }, context);
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

/** The ids of everything behind an item, newest first, hidden items included. */
const itemsAfter = async <Context>(
  store: Store<Context>,
  { thread }: StoredThread,
  itemId: string,
  context: Context,
): Promise<string[]> => {
  const ids: string[] = [];
  for (let after: string | undefined; ; ) {
    const page = await store.listItems(thread.id, { limit: 100, order: 'desc', after }, context);
    for (const { id } of page.data) {
      if (id === itemId) return ids;
      ids.push(id);
    }
    // Without the item there is no "after it": deleting everything would be the worst answer.
    if (!page.has_more || page.after === undefined) {
      throw new ChatKitError('item.not_found', 'The item is no longer in the thread.');
    }
    after = page.after;
  }
};
