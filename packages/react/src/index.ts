// React hooks over the ChatKit client.
export { ChatProvider, useChatClient } from './chat-provider.ts';
export { type UseChatResult, useChat } from './use-chat.ts';
export { useChatSelector } from './use-chat-selector.ts';
export { type UseThreadsResult, useThreads } from './use-threads.ts';
