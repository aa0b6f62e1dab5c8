/** `ChatProvider`: a React context that provides a chat client to all hooks below it. */
import type { ChatClient } from '@chatkit/client';
import { createContext, createElement, type ReactElement, type ReactNode, useContext } from 'react';

const ChatContext = createContext<ChatClient | undefined>(undefined);

/**
 * Provides `client`. Create the client once, outside components (or in a `useState` initialiser), not on every render.
 *
 * @example
 * const client = createChatClient({ url: '/chatkit' });
 * createRoot(node).render(<ChatProvider client={client}><Chat /></ChatProvider>);
 */
export const ChatProvider = ({ client, children }: { client: ChatClient; children?: ReactNode }): ReactElement =>
  createElement(ChatContext.Provider, { value: client }, children);

/**
 * The client passed in, or else that of the nearest `ChatProvider`. Throws if there is neither.
 *
 * @example
 * const client = useChatClient();
 * return <button onClick={() => client.newThread()}>New chat</button>;
 */
export const useChatClient = (client?: ChatClient): ChatClient => {
  const provided = useContext(ChatContext);
  const found = client ?? provided;
  // Options, or the address of a server, are no client either.
  if (found?.subscribe === undefined)
    throw new Error('No chat client: wrap the component in a ChatProvider, or pass a client to the hook.');
  return found;
};
