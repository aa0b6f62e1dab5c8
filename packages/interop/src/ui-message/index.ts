// Translates ChatKit runs to the AI SDK's UI message stream, for `useChat` and other readers of it.

export type { ChatKitHandler } from '../shared/chat-kit-handler.ts';
export { createMemoryLinks, type MemoryLinksOptions, type ThreadLinks } from '../shared/thread-links.ts';
export { createUiMessageHandler, type UiFile, type UiMessageHandlerOptions } from './create-ui-message-handler.ts';
export { toUiMessageChunks, type UiMessageChunk, type UiMessageChunksOptions } from './to-ui-message-chunks.ts';
