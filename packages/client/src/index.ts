// The ChatKit client: send, stop, resume, thread state. No framework.

// What a page names of the vocabulary, so that it need not depend on `@chatkit/core` for that.
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
  type UserMessageItem,
  type WidgetItem,
  type WidgetRoot,
} from '@chatkit/core';

export type { UploadStrategy } from './attachments.ts';
export type { ChatClient, ChatClientOptions, ItemRef, ListOptions } from './chat-client.ts';
export type { ChatError, ChatStatus, ConnectionStatus } from './chat-state.ts';
export type { ClientToolCall, ClientToolHandler } from './client-tools.ts';
export { backoffMs, type ConnectionPolicy, defaultPolicy } from './connection-policy.ts';
export {
  type CloseReason,
  type ConnectionSignal,
  type ConnectionState,
  deadlineOf,
  initialConnection,
  nextConnection,
  type Reach,
} from './connection-state.ts';
export { createChatClient } from './create-chat-client.ts';
export { type FollowTabsOptions, followTabs } from './follow-tabs.ts';
export { createNotifier, frameScheduler, type Notifier, type Scheduler } from './notify.ts';
export type { UserMessageInputLike } from './optimistic.ts';
export { browserPageEvents, type Clock, type PageEvents, type PageSignal, wallClock } from './ports.ts';
export type { HeadersLike, HeadersSource, RequestOptions } from './requests.ts';
export type { ChatRun } from './run-handle.ts';
export type { LockPort } from './run-lock.ts';
export { type ShareTabsOptions, shareTabs } from './share-tabs.ts';
export type { ChannelPort } from './shared-run.ts';
export type { ChatSnapshot } from './snapshot.ts';
export {
  createThreadList,
  type ThreadList,
  type ThreadListOptions,
  type ThreadListSnapshot,
} from './thread-list.ts';
