/**
 * Loads a thread's newest items. `threads.get_by_id` answers with the oldest 20 (as the reference does), so a longer
 * thread takes a second request.
 */
import { fromThread, isHiddenItem, type Page, type Thread, type ThreadItem, type ThreadState } from '@chatkit/core';
import type { Endpoint, RequestOptions } from './requests.ts';

export interface LoadedThread {
  readonly thread: ThreadState;
  readonly olderCursor: string | undefined;
  /** The run that is in progress in it. */
  readonly activeRunId: string | undefined;
}

export const loadThread = async (
  endpoint: Endpoint,
  threadId: string,
  options: RequestOptions,
): Promise<LoadedThread> => {
  const { body, headers } = await endpoint.exchange<Thread>(
    { type: 'threads.get_by_id', params: { thread_id: threadId } },
    options,
  );
  const activeRunId = headers.get('chatkit-active-run') ?? undefined;
  if (!body.items?.has_more) return { thread: fromThread(body), olderCursor: undefined, activeRunId };
  const { items, cursor } = await loadOlder(endpoint, threadId, undefined, options);
  return {
    thread: fromThread({ ...body, items: { data: [...items], has_more: cursor !== undefined } }),
    olderCursor: cursor,
    activeRunId,
  };
};

/**
 * The items before `after` (from the end without it), oldest first, and where the page before them starts. Goes on when a
 * page has nothing to show: hidden items are taken out after paging, so a page may be empty with more behind it.
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
        params: { thread_id: threadId, order: 'desc', ...(cursor === undefined ? {} : { after: cursor }) },
      },
      options,
    );
    items.unshift(...page.data.filter((item) => !isHiddenItem(item)).reverse());
    const next = page.has_more ? page.after : undefined;
    // A cursor that does not move would have this go on for ever.
    if (items.length > 0 || next === undefined || next === cursor) {
      return { items, cursor: next === cursor ? undefined : next };
    }
    cursor = next;
  }
};
