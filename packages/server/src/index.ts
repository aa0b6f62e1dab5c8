// The server: `respond()` in, a resumable event stream out.

export { ChatKitServer, type ChatKitServerOptions, type HandleOptions } from './chatkit-server.ts';
export type { Clock } from './clock.ts';
export { type CreateChatKitServerOptions, createChatKitServer } from './create-server.ts';
export type { AddedItems, AudioInput, Feedback, RunContext, ServerHooks } from './parts.ts';
export type { ServerRequest } from './server-request.ts';
export type {
  BusyPolicy,
  Deadlines,
  DisconnectPolicy,
  ErrorInfo,
  Settings,
  SettingsOptions,
} from './settings.ts';
