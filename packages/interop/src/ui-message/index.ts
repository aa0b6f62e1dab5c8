// A ChatKit run as the AI SDK's UI message stream, for `useChat` and whatever else reads it.

export type { ChatKitHandler } from '../shared/chat-kit-handler.ts';
export { createMemoryLinks, type MemoryLinksOptions, type ThreadLinks } from '../shared/thread-links.ts';
export { createUiMessageHandler, type UiFile, type UiMessageHandlerOptions } from './create-ui-message-handler.ts';
export { toUiMessageChunks, type UiMessageChunk, type UiMessageChunksOptions } from './to-ui-message-chunks.ts';
