/** A part of the chat, for components that should not render when the rest changes. */
import type { ChatClient, ChatSnapshot } from '@chatkit/client';
import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import { useChatClient } from './chat-provider.ts';

/**
 * Renders the component when what `select` gives has changed. The selector may build a new object each time if `isEqual`
 * can tell that it says the same; the component then keeps the object that it has, so an effect may depend on it. Both may be
 * written inline.
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
  /** What the component has: the functions may be new at each render, what they give is compared with this all the same. */
  const shown = useRef<{ readonly value: T }>(undefined);
  const read = useMemo(() => {
    let last: { readonly snapshot: ChatSnapshot; readonly value: T } | undefined;
    return (): T => {
      const snapshot = found.getSnapshot();
      if (last?.snapshot === snapshot) return last.value;
      const before = last ?? shown.current;
      const value = select(snapshot);
      last = { snapshot, value: before !== undefined && isEqual(before.value, value) ? before.value : value };
      return last.value;
    };
  }, [found, select, isEqual]);
  const value = useSyncExternalStore(found.subscribe, read, read);
  useEffect(() => {
    shown.current = { value };
  }, [value]);
  return value;
};
