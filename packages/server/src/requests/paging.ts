/**
 * Pages of the items that a client may see. The Python SDK removes hidden items after it has cut the page, so a page
 * may be short or empty while `has_more` is true. Here a page is filled with visible items, and `has_more` refers to
 * visible ones.
 */
import {
  isChatKitError,
  isHiddenItem,
  type Page,
  type PageOptions,
  type Store,
  type ThreadItem,
  toWireItem,
} from '@chatkit/core';

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;

/** The limit of a page: 20 when absent or 0 (as the Python SDK reads it), at most 100. */
export const pageLimit = (limit: number | undefined): number => Math.min(limit || DEFAULT_LIMIT, MAX_LIMIT);

/** How often a page is put together anew. */
const maxAttempts = 5;

/** A page of visible items, as they go over the wire. */
export const visibleItems = async <Context>(
  store: Store<Context>,
  threadId: string,
  options: PageOptions,
  context: Context,
): Promise<Page<ThreadItem>> => {
  const { limit } = options;
  // One visible item more than wanted tells whether there is a next page.
  const found = await findVisible(store, threadId, { ...options, limit: limit + 1 }, context);
  const data = found.slice(0, limit).map(toWireItem);
  const last = data.at(-1);
  return found.length > limit && last !== undefined
    ? { data, has_more: true, after: last.id }
    : { data, has_more: false };
};

/**
 * The first visible items, at least `limit` if there are as many. Should the item after which the next page begins have
 * been deleted meanwhile, it begins anew: only of the cursor that the client has given may it be told that it is gone.
 */
const findVisible = async <Context>(
  store: Store<Context>,
  threadId: string,
  options: PageOptions,
  context: Context,
): Promise<ThreadItem[]> => {
  let found: ThreadItem[] = [];
  let { after } = options;
  for (let attempt = 1; found.length < options.limit; ) {
    try {
      const page = await store.listItems(threadId, { ...options, after }, context);
      found.push(...page.data.filter((item) => !isHiddenItem(item)));
      if (!page.has_more || page.after === undefined) break;
      after = page.after;
    } catch (error) {
      if (!isChatKitError(error, 'item.not_found') || after === options.after || attempt === maxAttempts) throw error;
      attempt += 1;
      found = [];
      after = options.after;
    }
  }
  return found;
};
