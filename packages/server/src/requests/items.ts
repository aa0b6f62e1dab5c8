/** The requests about items: list a page of them, and give feedback. */
import type { ChatKitRequestOf, Page, ThreadItem } from '@chatkit/core';
import type { ServerParts } from '../server-parts.ts';
import { pageLimit, visibleItems } from './paging.ts';

/** `items.list`: a page of a thread's visible items. */
export const listItems = async <Context>(
  parts: ServerParts<Context>,
  { thread_id, limit, order, after }: ChatKitRequestOf<'items.list'>['params'],
  context: Context,
): Promise<Page<ThreadItem>> => {
  await parts.store.loadThread(thread_id, context);
  return visibleItems(parts.store, thread_id, { limit: pageLimit(limit), order, after }, context);
};

/** `items.feedback`: a thumb up or down for some items of a thread that the user has. */
export const addFeedback = async <Context>(
  parts: ServerParts<Context>,
  { thread_id, item_ids, kind }: ChatKitRequestOf<'items.feedback'>['params'],
  context: Context,
): Promise<Record<string, never>> => {
  await parts.store.loadThread(thread_id, context);
  await parts.addFeedback({ threadId: thread_id, itemIds: item_ids, kind }, context);
  return {};
};
