/** Loads the items that follow an item in its thread. */
import { ChatKitError, type Store, type ThreadItem } from '@chatkit/core';

/** All items after an item, newest first, hidden ones included. */
export const itemsAfter = async <Context>(
  store: Store<Context>,
  threadId: string,
  itemId: string,
  context: Context,
): Promise<ThreadItem[]> => {
  const items: ThreadItem[] = [];
  for (let after: string | undefined; ; ) {
    const page = await store.listItems(threadId, { limit: 100, order: 'desc', after }, context);
    for (const item of page.data) {
      if (item.id === itemId) return items;
      items.push(item);
    }
    // If the item is gone, nothing is "after" it. Without this check a retry would delete the whole thread.
    if (!page.has_more || page.after === undefined) {
      throw new ChatKitError('item.not_found', 'The item is no longer in the thread.');
    }
    after = page.after;
  }
};
