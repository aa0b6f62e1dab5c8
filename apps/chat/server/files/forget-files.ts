/**
 * A store that deletes the files of a conversation with it. Stores keep records of files and know nothing of their
 * bytes, nor of who else names a file; here a file belongs to the one message that it was sent with.
 */
import { type AttachmentStore, isChatKitError, type Store } from '@chatkit/core';
import type { Visitor } from '../anonymous-user.ts';

export const forgetFiles = (store: Store<Visitor>, files: AttachmentStore<Visitor>): Store<Visitor> => ({
  ...store,
  async deleteThread(threadId, visitor) {
    // Read before, as nothing names them afterwards; deleted after, so that no message is left without its files.
    const ids = await filesIn(store, threadId, visitor);
    await store.deleteThread(threadId, visitor);
    for (const id of ids) {
      await files.deleteAttachment(id, visitor);
      await store.deleteAttachment(id, visitor);
    }
  },
});

/** The ids of the files in a thread; none if the visitor has no such thread. */
const filesIn = async (store: Store<Visitor>, threadId: string, visitor: Visitor): Promise<readonly string[]> => {
  const ids: string[] = [];
  try {
    let after: string | undefined;
    do {
      const page = await store.listItems(threadId, { limit: 100, order: 'asc', after }, visitor);
      for (const item of page.data) if (item.type === 'user_message') ids.push(...item.attachments.map(({ id }) => id));
      after = page.has_more ? (page.after ?? undefined) : undefined;
    } while (after !== undefined);
  } catch (error) {
    if (!isChatKitError(error, 'thread.not_found')) throw error;
  }
  return ids;
};
