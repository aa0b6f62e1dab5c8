/** Reads the items of a thread from the server, a page at a time. */
import type { Page, ThreadItem } from '@chatkit/core';
import { askServer, type Caller, type ChatKitHandler } from './chat-kit-handler.ts';

/** The items of a thread in pages, from its beginning (`asc`) or from its end (`desc`). */
export async function* itemPages<Context>(
  server: ChatKitHandler<Context>,
  thread_id: string,
  order: 'asc' | 'desc',
  context: Context,
  caller: Caller,
): AsyncGenerator<readonly ThreadItem[], void, undefined> {
  let page: Page<ThreadItem> | undefined;
  do {
    const params = { thread_id, limit: 100, order, after: page?.after };
    page = await askServer<Page<ThreadItem>, Context>(server, { type: 'items.list', params }, context, caller);
    yield page.data;
  } while (page.has_more);
}

/** What a thread has after the user's last message, oldest first. */
export const itemsSinceMessage = async <Context>(
  server: ChatKitHandler<Context>,
  threadId: string,
  context: Context,
  caller: Caller,
): Promise<ThreadItem[]> => {
  const items: ThreadItem[] = [];
  for await (const page of itemPages(server, threadId, 'desc', context, caller)) {
    const message = page.findIndex(({ type }) => type === 'user_message');
    items.push(...(message === -1 ? page : page.slice(0, message)));
    if (message !== -1) break;
  }
  return items.toReversed();
};
