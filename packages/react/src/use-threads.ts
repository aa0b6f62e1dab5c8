/** `useThreads`: the list of threads, loaded when the component mounts. */
import { type ChatClient, createThreadList, type ThreadList, type ThreadListSnapshot } from '@chatkit/client';
import { useEffect, useMemo, useSyncExternalStore } from 'react';
import { useChatClient } from './chat-provider.ts';

/** The snapshot of the list, and the methods that change it. */
export interface UseThreadsResult
  extends ThreadListSnapshot,
    Pick<ThreadList, 'refresh' | 'loadMore' | 'rename' | 'remove'> {}

/**
 * The threads that the client can see, newest first. The list follows changes of the thread shown, such as a new title.
 *
 * @param options `limit`: threads per page. `client`: default the provider's.
 *
 * @example
 * const { threads, hasMore, loadMore, remove } = useThreads();
 */
export const useThreads = ({
  limit,
  client,
}: {
  limit?: number | undefined;
  client?: ChatClient | undefined;
} = {}): UseThreadsResult => {
  const found = useChatClient(client);
  const list = useMemo(() => createThreadList(found, { limit }), [found, limit]);
  const snapshot = useSyncExternalStore(list.subscribe, list.getSnapshot, list.getSnapshot);
  useEffect(() => {
    // StrictMode mounts twice.
    if (list.getSnapshot().status === 'idle') void list.refresh();
  }, [list]);
  const { refresh, loadMore, rename, remove } = list;
  return { ...snapshot, refresh, loadMore, rename, remove };
};
