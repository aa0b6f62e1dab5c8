/** What follows an item in its thread. */
import { ChatKitError, type Store, type ThreadItem } from '@chatkit/core';

/** Everything behind an item, newest first, hidden items included. */
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
    // Without the item there is no "after it": deleting everything would be the worst answer.
    if (!page.has_more || page.after === undefined) {
      throw new ChatKitError('item.not_found', 'The item is no longer in the thread.');
    }
    after = page.after;
  }
};
