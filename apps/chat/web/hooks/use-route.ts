/** The page's address holds the conversation: `/t/<id>`, and `/` for a new one. A reload shows the same. */
import type { ChatClient } from '@chatkit/client';
import { isChatKitError } from '@chatkit/core';
import { useCallback, useEffect, useRef, useState } from 'react';

const idOf = (path: string): string | undefined => /^\/t\/([\w-]+)$/.exec(path)?.[1];

export const threadPath = (id: string | undefined): string => (id === undefined ? '/' : `/t/${id}`);

export type Missing = 'conversation' | 'page';

export interface Route {
  /** Shows a conversation, or a new one, at its address. Also again, after it could not be loaded. */
  open(id: string | undefined): void;
  /** The conversation of the address, which may not be there yet. */
  readonly id: string | undefined;
  /**
   * What the address named and is not there: a conversation that is gone, or somebody else's; or no page of this site
   * at all.
   */
  readonly missing: Missing | undefined;
}

/** Keeps the address and the client's thread together, in both directions. */
export const useRoute = (client: ChatClient, threadId: string | undefined): Route => {
  const [id, setId] = useState(() => idOf(location.pathname));
  const [missing, setMissing] = useState<Missing | undefined>(() =>
    id === undefined && location.pathname !== '/' ? 'page' : undefined,
  );
  const expected = useRef(id);

  const go = useCallback((next: string | undefined, change: 'push' | 'replace' | 'none') => {
    expected.current = next;
    setId(next);
    if (change === 'none' || location.pathname === threadPath(next)) return;
    if (change === 'push') history.pushState(null, '', threadPath(next));
    else history.replaceState(null, '', threadPath(next));
  }, []);

  const show = useCallback(
    (next: string | undefined) => {
      setMissing(undefined);
      if (next === undefined) return client.newThread();
      client.loadThread(next).catch((error: unknown) => {
        // Of anything else the client says what it was, and the address is where to try again.
        if (expected.current !== next || !isChatKitError(error) || error.code !== 'thread.not_found') return;
        go(undefined, 'replace');
        client.newThread();
        setMissing('conversation');
      });
    },
    [client, go],
  );

  useEffect(() => {
    const follow = () => {
      const next = idOf(location.pathname);
      go(next, 'none');
      show(next);
    };
    // A link within the page counts as going somewhere, too.
    const onPopState = () => {
      if (idOf(location.pathname) !== expected.current) follow();
    };
    if (idOf(location.pathname) !== undefined) follow();
    addEventListener('popstate', onPopState);
    return () => removeEventListener('popstate', onPopState);
  }, [go, show]);

  useEffect(() => {
    // A first message made a conversation. While one loads the client has none, and the address stays.
    if (threadId === undefined || threadId === expected.current) return;
    setMissing(undefined);
    go(threadId, 'push');
  }, [threadId, go]);

  const open = useCallback(
    (next: string | undefined) => {
      go(next, 'push');
      show(next);
    },
    [go, show],
  );
  return { open, id, missing };
};
