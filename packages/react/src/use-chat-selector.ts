/** `useChatSelector`: a part of the chat, for components that should not re-render when other parts change. */
import type { ChatClient, ChatSnapshot } from '@chatkit/client';
import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import { useChatClient } from './chat-provider.ts';
import { hydrationSnapshot } from './hydration-snapshot.ts';

/**
 * Re-renders the component when the result of `select` changes. The selector may build a new object each time if
 * `isEqual` compares by content; the component then keeps its old object, so effects may depend on it. Both functions
 * may be written inline.
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
  /**
   * The value that the component shows. Results are compared with it even if `select` and `isEqual` are new functions
   * at each render.
   */
  const shown = useRef<{ readonly value: T }>(undefined);
  const [read, readHydration] = useMemo(() => {
    const reader = (getSnapshot: () => ChatSnapshot) => {
      let last: { readonly snapshot: ChatSnapshot; readonly value: T } | undefined;
      return (): T => {
        const snapshot = getSnapshot();
        if (last?.snapshot === snapshot) return last.value;
        const before = last ?? shown.current;
        const value = select(snapshot);
        last = { snapshot, value: before !== undefined && isEqual(before.value, value) ? before.value : value };
        return last.value;
      };
    };
    return [reader(found.getSnapshot), reader(() => hydrationSnapshot(found))];
  }, [found, select, isEqual]);
  const value = useSyncExternalStore(found.subscribe, read, readHydration);
  useEffect(() => {
    shown.current = { value };
  }, [value]);
  return value;
};
