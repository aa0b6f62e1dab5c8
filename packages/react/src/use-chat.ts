/** The chat as it is, and its client to change it. */
import type { ChatClient, ChatSnapshot } from '@chatkit/client';
import { useSyncExternalStore } from 'react';
import { useChatClient } from './chat-provider.ts';

/** A snapshot, with the client beside it. */
export interface UseChatResult extends ChatSnapshot {
  readonly client: ChatClient;
}

/**
 * Renders the component with every new snapshot, at most once a frame. Items that did not change are the same objects, so a
 * memoised component per item renders only the one that is being written. On a server: the client's snapshot at that time.
 *
 * @param client Default: the provider's.
 *
 * @example
 * const { items, status, canStop, client } = useChat();
 */
export const useChat = (client?: ChatClient): UseChatResult => {
  const found = useChatClient(client);
  const snapshot = useSyncExternalStore(found.subscribe, found.getSnapshot, found.getSnapshot);
  return { ...snapshot, client: found };
};
