/**
 * A store that deletes the files of a message, or of a whole conversation, with it. Stores keep records of files and
 * know nothing of their bytes, nor of who else names a file; here a file belongs to the one message that it was sent
 * with.
 */
import { type AttachmentStore, isChatKitError, type Store, type ThreadItem } from '@chatkit/core';
import type { Visitor } from '../anonymous-user.ts';

export const forgetFiles = (store: Store<Visitor>, files: AttachmentStore<Visitor>): Store<Visitor> => {
  const forget = async (ids: readonly string[], visitor: Visitor): Promise<void> => {
    for (const id of ids) {
      await files.deleteAttachment(id, visitor);
      await store.deleteAttachment(id, visitor);
    }
  };
  // Read before, as nothing names them afterwards; deleted after, so that no message is left without its files.
  return {
    ...store,
    async deleteThread(threadId, visitor) {
      const ids = await filesIn(store, threadId, visitor);
      await store.deleteThread(threadId, visitor);
      await forget(ids, visitor);
    },
    async deleteItem(threadId, itemId, visitor) {
      const ids = await filesOf(store, threadId, itemId, visitor);
      await store.deleteItem(threadId, itemId, visitor);
      await forget(ids, visitor);
    },
    async transaction(work, visitor) {
      // What is deleted in it may be undone, and bytes do not come back.
      const ids: string[] = [];
      const result = await store.transaction(
        (inner) =>
          work({
            ...inner,
            async deleteItem(threadId, itemId) {
              ids.push(...(await filesOf(inner, threadId, itemId, visitor)));
              await inner.deleteItem(threadId, itemId, visitor);
            },
          }),
        visitor,
      );
      await forget(ids, visitor);
      return result;
    },
  };
};

const idsIn = (item: ThreadItem): readonly string[] =>
  item.type === 'user_message' ? item.attachments.map(({ id }) => id) : [];

/** The ids of the files of an item; none if the visitor has no such item. */
const filesOf = async (
  store: Store<Visitor>,
  threadId: string,
  itemId: string,
  visitor: Visitor,
): Promise<readonly string[]> => {
  try {
    return idsIn(await store.loadItem(threadId, itemId, visitor));
  } catch (error) {
    if (isChatKitError(error, 'item.not_found') || isChatKitError(error, 'thread.not_found')) return [];
    throw error;
  }
};

/** The ids of the files in a thread; none if the visitor has no such thread. */
const filesIn = async (store: Store<Visitor>, threadId: string, visitor: Visitor): Promise<readonly string[]> => {
  const ids: string[] = [];
  try {
    let after: string | undefined;
    do {
      const page = await store.listItems(threadId, { limit: 100, order: 'asc', after }, visitor);
      ids.push(...page.data.flatMap(idsIn));
      after = page.has_more ? (page.after ?? undefined) : undefined;
    } while (after !== undefined);
  } catch (error) {
    if (!isChatKitError(error, 'thread.not_found')) throw error;
  }
  return ids;
};
