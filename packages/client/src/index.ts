// The ChatKit client: send, stop, resume, thread state. No framework.

// A chat and what it shows.

export type { ChatClient, ChatClientOptions, ItemRef, ListOptions } from './chat-client.ts';
export type { ChatError, ChatStatus } from './chat-state.ts';
export { createChatClient } from './create-chat-client.ts';
export type { ChatRun } from './run-handle.ts';
export { type ChatSnapshot, emptySnapshot } from './snapshot.ts';

// What is passed to it.

export type { UploadStrategy } from './attachments.ts';
export type { ClientToolCall, ClientToolHandler } from './client-tools.ts';
export type { HeadersLike, HeadersSource, RequestOptions } from './endpoint.ts';
export type { UserMessageInputLike } from './outgoing-message.ts';

// The list of threads.

export {
  createThreadList,
  type ThreadList,
  type ThreadListOptions,
  type ThreadListSnapshot,
} from './thread-list.ts';

// Many tabs.

export { type FollowTabsOptions, followTabs } from './follow-tabs.ts';
export type { LockPort } from './run-lock.ts';
export { type ShareTabsOptions, shareTabs } from './share-tabs.ts';
export type { ChannelPort } from './shared-run.ts';

// The connection, and the ports to the environment.

export type { ConnectionPolicy } from './connection-policy.ts';
export type { CloseReason } from './connection-state.ts';
export type { ConnectionStatus } from './connection-status.ts';
export type { Scheduler } from './notify.ts';
export type { Clock, PageEvents, PageSignal } from './ports.ts';

// Types of `@chatkit/core` that pages commonly name, so that they need not depend on it.

export {
  type Annotation,
  type AssistantMessageItem,
  type Attachment,
  type ClientEffectEvent,
  messageText,
  type Page,
  type RunOutcome,
  type Thread,
  type ThreadItem,
  type ThreadItemOf,
  type ThreadMetadata,
  type ThreadStreamEvent,
  type UserMessageContent,
  type UserMessageItem,
  type WidgetItem,
  type WidgetRoot,
} from '@chatkit/core';
