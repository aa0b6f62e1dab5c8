/** The page's address holds the conversation: `/t/<id>`, and `/` for a new one. A reload shows the same. */
import type { ChatClient } from '@chatkit/client';
import { useEffect, useRef } from 'react';

const idOf = (path: string): string | undefined => /^\/t\/([\w-]+)$/.exec(path)?.[1];

export const threadPath = (id: string | undefined): string => (id === undefined ? '/' : `/t/${id}`);

/**
 * Keeps the address and the client's thread together, in both directions. `onMissing` is called when the address names
 * a conversation that is gone, or somebody else's.
 */
export const useRoute = (client: ChatClient, threadId: string | undefined, onMissing: () => void): void => {
  const expected = useRef<string | undefined>(undefined);
  const missing = useRef(onMissing);
  missing.current = onMissing;

  useEffect(() => {
    const follow = () => {
      const id = idOf(location.pathname);
      expected.current = id;
      if (id === undefined) {
        client.newThread();
        return;
      }
      client.loadThread(id).catch(() => {
        if (expected.current !== id) return;
        expected.current = undefined;
        history.replaceState(null, '', '/');
        client.newThread();
        missing.current();
      });
    };
    if (idOf(location.pathname) !== undefined) follow();
    addEventListener('popstate', follow);
    return () => removeEventListener('popstate', follow);
  }, [client]);

  useEffect(() => {
    // While a conversation loads the client has none yet; the address stays.
    if (threadId === expected.current || (threadId === undefined && expected.current !== undefined)) return;
    expected.current = threadId;
    if (location.pathname !== threadPath(threadId)) history.pushState(null, '', threadPath(threadId));
  }, [threadId]);
};
