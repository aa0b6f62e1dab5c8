/**
 * Pages of the items that a client may see. The Python SDK removes hidden items after it has cut the page, so a page
 * may be short or empty while `has_more` is true. Here a page is filled with visible items, and `has_more` refers to
 * visible ones.
 */
import { isHiddenItem, type Page, type PageOptions, type Store, type ThreadItem, toWireItem } from '@chatkit/core';

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;

/** The limit of a page: 20 when absent or 0 (as the Python SDK reads it), at most 100. */
export const pageLimit = (limit: number | undefined): number => Math.min(limit || DEFAULT_LIMIT, MAX_LIMIT);

/** A page of visible items, as they go over the wire. */
export const visibleItems = async <Context>(
  store: Store<Context>,
  threadId: string,
  { limit, order, after }: PageOptions,
  context: Context,
): Promise<Page<ThreadItem>> => {
  // One visible item more than wanted tells whether there is a next page.
  const found: ThreadItem[] = [];
  for (let cursor = after; found.length <= limit; ) {
    const page = await store.listItems(threadId, { limit: limit + 1, order, after: cursor }, context);
    found.push(...page.data.filter((item) => !isHiddenItem(item)));
    if (!page.has_more || page.after === undefined) break;
    cursor = page.after;
  }
  const data = found.slice(0, limit).map(toWireItem);
  const last = data.at(-1);
  return found.length > limit && last !== undefined
    ? { data, has_more: true, after: last.id }
    : { data, has_more: false };
};
