/** `useChat`: the current snapshot of the chat, and the client. */
import type { ChatClient, ChatSnapshot } from '@chatkit/client';
import { useSyncExternalStore } from 'react';
import { useChatClient } from './chat-provider.ts';
import { hydrationSnapshot } from './hydration-snapshot.ts';

/** A snapshot together with the client. */
export interface UseChatResult extends ChatSnapshot {
  readonly client: ChatClient;
}

/**
 * Re-renders the component with every new snapshot, at most once per animation frame. Items that did not change are the
 * same objects, so with a memoised component per item only the one being written re-renders. On a server it renders the
 * client's snapshot at that time.
 *
 * @param client Default: the provider's.
 *
 * @example
 * const { items, status, canStop, client } = useChat();
 */
export const useChat = (client?: ChatClient): UseChatResult => {
  const found = useChatClient(client);
  const snapshot = useSyncExternalStore(found.subscribe, found.getSnapshot, () => hydrationSnapshot(found));
  return { ...snapshot, client: found };
};
