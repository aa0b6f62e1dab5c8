/** The visitor's conversations, newest first. */
import type { ChatClient } from '@chatkit/client';
import type { Thread } from '@chatkit/core';
import { useCallback, useEffect, useState } from 'react';

const PAGE = 40;

interface ThreadPages {
  threads: readonly Thread[];
  hasMore: boolean;
  more: () => Promise<void>;
  rename: (id: string, title: string) => Promise<void>;
  remove: (id: string) => Promise<void>;
}

/** `current` is the thread on screen, whose title is newer than the list's. */
export const useThreadList = (client: ChatClient, current: Thread | undefined): ThreadPages => {
  const [threads, setThreads] = useState<readonly Thread[]>([]);
  const [hasMore, setHasMore] = useState(false);

  const load = useCallback(
    async (after: string | undefined) => {
      const page = await client.listThreads({ limit: PAGE, order: 'desc', ...(after === undefined ? {} : { after }) });
      setThreads((before) => (after === undefined ? page.data : [...before, ...page.data]));
      setHasMore(page.has_more);
    },
    [client],
  );

  // The list is a convenience: when it cannot be loaded, the conversation says what is wrong with the server.
  useEffect(() => void load(undefined).catch(() => {}), [load]);

  useEffect(() => {
    if (current === undefined) return;
    setThreads((before) =>
      before.some((thread) => thread.id === current.id)
        ? before.map((thread) => (thread.id === current.id ? current : thread))
        : [current, ...before],
    );
  }, [current]);

  return {
    threads,
    hasMore,
    more: () => load(threads.at(-1)?.id),
    rename: async (id, title) => {
      const renamed = await client.renameThread(id, title);
      setThreads((before) => before.map((thread) => (thread.id === id ? renamed : thread)));
    },
    remove: async (id) => {
      await client.deleteThread(id);
      setThreads((before) => before.filter((thread) => thread.id !== id));
    },
  };
};
