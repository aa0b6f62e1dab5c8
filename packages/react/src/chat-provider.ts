/** Hands one client to every hook below it, so that components need not pass it on. */
import type { ChatClient } from '@chatkit/client';
import { createContext, createElement, type ReactElement, type ReactNode, useContext } from 'react';

const ChatContext = createContext<ChatClient | undefined>(undefined);

/**
 * Provides `client`. Make the client once, outside of components (or in a `useState` initialiser), not per render.
 *
 * @example
 * const client = createChatClient({ url: '/chatkit' });
 * createRoot(node).render(<ChatProvider client={client}><Chat /></ChatProvider>);
 */
export const ChatProvider = ({ client, children }: { client: ChatClient; children?: ReactNode }): ReactElement =>
  createElement(ChatContext.Provider, { value: client }, children);

/**
 * The client of the nearest `ChatProvider`, or the one that is given. Throws when there is neither.
 *
 * @example
 * const client = useChatClient();
 * return <button onClick={() => client.newThread()}>New chat</button>;
 */
export const useChatClient = (client?: ChatClient): ChatClient => {
  const provided = useContext(ChatContext);
  const found = client ?? provided;
  if (found === undefined) throw new Error('There is no ChatProvider above this component, and no client was given.');
  return found;
};
