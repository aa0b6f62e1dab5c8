// Translates ChatKit runs to AG-UI events, for front ends such as CopilotKit.

export type { ChatKitHandler } from '../shared/chat-kit-handler.ts';
export { createMemoryLinks, type MemoryLinksOptions, type ThreadLinks } from '../shared/thread-links.ts';
export { type AgUiHandlerOptions, createAgUiHandler } from './create-ag-ui-handler.ts';
export { type AgUiEvent, type AgUiRun, toAgUiEvents } from './to-ag-ui-events.ts';
