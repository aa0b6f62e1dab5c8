/** A part of the chat, for components that should not render when the rest changes. */
import type { ChatClient, ChatSnapshot } from '@chatkit/client';
import { useMemo, useSyncExternalStore } from 'react';
import { useChatClient } from './chat-provider.ts';

/**
 * Renders the component when what `select` gives has changed. The selector may build a new object each time if `isEqual`
 * can tell that it says the same.
 *
 * @param isEqual Default `Object.is`.
 *
 * @example
 * const canStop = useChatSelector((chat) => chat.canStop);
 */
export const useChatSelector = <T>(
  select: (snapshot: ChatSnapshot) => T,
  isEqual: (a: T, b: T) => boolean = Object.is,
  client?: ChatClient,
): T => {
  const found = useChatClient(client);
  const read = useMemo(() => {
    let last: { readonly snapshot: ChatSnapshot; readonly value: T } | undefined;
    return (): T => {
      const snapshot = found.getSnapshot();
      if (last?.snapshot === snapshot) return last.value;
      const value = select(snapshot);
      last = { snapshot, value: last !== undefined && isEqual(last.value, value) ? last.value : value };
      return last.value;
    };
  }, [found, select, isEqual]);
  return useSyncExternalStore(found.subscribe, read, read);
};
