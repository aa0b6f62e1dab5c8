// The server: `respond()` in, a resumable event stream out.

// A server, from functions or as a class.

export { ChatKitServer, type ChatKitServerOptions, type HandleOptions } from './chatkit-server.ts';
export { type CreateChatKitServerOptions, createChatKitServer } from './create-chatkit-server.ts';

// What an application writes and is given.

export type { AddedItems, AudioInput, Feedback, RunContext, ServerHooks, SyncActionResult } from './server-parts.ts';

// How it behaves.

export type { Clock } from './clock.ts';
export type { OnRun, RunBegin, RunEnd } from './run-observer.ts';
export type { DeadlineCode, StopCause } from './run-state.ts';
export type {
  BusyPolicy,
  Deadlines,
  DisconnectPolicy,
  ErrorInfo,
  Settings,
  SettingsOptions,
} from './settings.ts';

// For adapters of runtimes.

export type { ServerRequest } from './server-request.ts';
