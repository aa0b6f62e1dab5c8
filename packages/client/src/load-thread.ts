/**
 * Loads a thread's newest items. `threads.get_by_id` answers with the oldest 20 (as in the Python SDK), so a longer
 * thread takes a second request.
 */
import { fromThread, isHiddenItem, type Page, type Thread, type ThreadItem, type ThreadState } from '@chatkit/core';
import type { Endpoint, RequestOptions } from './endpoint.ts';

export interface LoadedThread {
  readonly thread: ThreadState;
  readonly olderCursor: string | undefined;
  /** The run in progress in the thread, if there is one. */
  readonly activeRunId: string | undefined;
}

/** `known`: the items on the screen. Those that did not change stay the same objects. */
export const loadThread = async (
  endpoint: Endpoint,
  threadId: string,
  options: RequestOptions,
  known: readonly ThreadItem[] = [],
): Promise<LoadedThread> => {
  const before = new Map(known.map((item) => [item.id, item]));
  const unchanged = (item: ThreadItem): ThreadItem => {
    const same = before.get(item.id);
    return same !== undefined && JSON.stringify(same) === JSON.stringify(item) ? same : item;
  };
  const { body, headers } = await endpoint.exchange<Thread>(
    { type: 'threads.get_by_id', params: { thread_id: threadId } },
    options,
  );
  const activeRunId = headers.get('chatkit-active-run') ?? undefined;
  const { items, cursor } = body.items?.has_more
    ? await loadOlder(endpoint, threadId, undefined, options)
    : { items: body.items?.data ?? [], cursor: undefined };
  const page = { data: items.map(unchanged), has_more: cursor !== undefined };
  return { thread: fromThread({ ...body, items: page }), olderCursor: cursor, activeRunId };
};

/**
 * Loads the page of items before `after` (without it, the newest), oldest first, and the cursor of the page before
 * that. Hidden items are filtered out after paging, so a page may be empty although there are more; then the next page
 * is loaded as well.
 */
export const loadOlder = async (
  endpoint: Endpoint,
  threadId: string,
  after: string | undefined,
  options: RequestOptions,
): Promise<{ items: readonly ThreadItem[]; cursor: string | undefined }> => {
  const items: ThreadItem[] = [];
  for (let cursor = after; ; ) {
    const page: Page<ThreadItem> = await endpoint.json(
      {
        type: 'items.list',
        params: { thread_id: threadId, order: 'desc', after: cursor },
      },
      options,
    );
    items.unshift(...page.data.filter((item) => !isHiddenItem(item)).reverse());
    const next = page.has_more ? page.after : undefined;
    // A cursor that does not move would make this loop for ever.
    if (items.length > 0 || next === undefined || next === cursor) {
      return { items, cursor: next === cursor ? undefined : next };
    }
    cursor = next;
  }
};
