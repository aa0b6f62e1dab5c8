// The ChatKit vocabulary: types, guards, the reducer, the wire serializer, ids, errors and contracts. Does not load
// zod.

// A thread and what is in it.

export type { Attachment, FileAttachment, ImageAttachment, UploadDescriptor } from './attachment.ts';
export type {
  AssistantMessageContent,
  InferenceOptions,
  UserMessageContent,
  UserTagContent,
  UserTextContent,
} from './content.ts';
export {
  type AssistantMessageItem,
  type ClientToolCallItem,
  type EndOfTurnItem,
  type GeneratedImage,
  type GeneratedImageItem,
  type HiddenContextItem,
  type HiddenItem,
  isHiddenItem,
  messageText,
  type SdkHiddenContextItem,
  type StructuredInputItem,
  type TaskItem,
  type ThreadItem,
  type ThreadItemOf,
  type UserMessageItem,
  type WidgetItem,
  type WorkflowItem,
} from './item.ts';
export type { Annotation, EntitySource, FileSource, Source, UrlSource } from './source.ts';
export type {
  FreeformInput,
  MultipleChoiceInput,
  StructuredInput,
  StructuredInputAnswer,
  StructuredInputResult,
} from './structured-input.ts';
export type {
  CustomSummary,
  CustomTask,
  DurationSummary,
  FileTask,
  ImageTask,
  StatusIndicator,
  Task,
  ThoughtTask,
  WebSearchTask,
  Workflow,
  WorkflowSummary,
} from './task.ts';
export type {
  ActiveStatus,
  ClosedStatus,
  LockedStatus,
  Page,
  Thread,
  ThreadMetadata,
  ThreadStatus,
} from './thread.ts';
export type { WidgetComponent, WidgetRoot } from './widget.ts';

// What a stream carries: events and updates.

export type {
  ClientEffectEvent,
  ErrorEvent,
  NoticeEvent,
  ProgressUpdateEvent,
  StreamOptions,
  StreamOptionsEvent,
  ThreadCreatedEvent,
  ThreadItemAddedEvent,
  ThreadItemDoneEvent,
  ThreadItemRemovedEvent,
  ThreadItemReplacedEvent,
  ThreadItemUpdatedEvent,
  ThreadStreamEvent,
  ThreadStreamEventOf,
  ThreadUpdatedEvent,
} from './event.ts';
export { isTextDelta, type TextDeltaEvent } from './text-delta.ts';
export type {
  ContentPartAdded,
  ContentPartAnnotationAdded,
  ContentPartDone,
  ContentPartTextDelta,
  GeneratedImageUpdated,
  ThreadItemUpdate,
  ThreadItemUpdateOf,
  WidgetComponentUpdated,
  WidgetRootUpdated,
  WidgetStreamingTextDelta,
  WorkflowTaskAdded,
  WorkflowTaskUpdated,
} from './update.ts';

// Requests.

export {
  type Action,
  type AttachmentCreateParams,
  type ChatKitRequest,
  type ChatKitRequestInput,
  type ChatKitRequestOf,
  isStreamingRequest,
  type RequestParams,
  type StreamingRequestType,
  type UserMessageInput,
} from './request.ts';

// Builders.

export {
  annotationAdded,
  clientEffect,
  errorEvent,
  generatedImageUpdated,
  itemAdded,
  itemDone,
  itemRemoved,
  itemReplaced,
  itemUpdated,
  notice,
  type PartInput,
  partAdded,
  partDone,
  progressUpdate,
  streamOptions,
  textDelta,
  threadCreated,
  threadUpdated,
  widgetComponentUpdated,
  widgetRootUpdated,
  widgetTextDelta,
  workflowTaskAdded,
  workflowTaskUpdated,
} from './build/event.ts';
export {
  assistantMessage,
  clientToolCall,
  endOfTurn,
  generatedImageItem,
  hiddenContext,
  type ItemBase,
  sdkHiddenContext,
  structuredInputItem,
  taskItem,
  userMessage,
  widgetItem,
  workflowItem,
} from './build/item.ts';
export {
  createId,
  type IdKind,
} from './id.ts';

// From events to a thread.

export { foldUpdate } from './fold-update.ts';
export {
  clearTransients,
  emptyThreadState,
  fromThread,
  prependItems,
  reduceThread,
  selectItem,
  selectItems,
  selectOpenItems,
  type ThreadState,
} from './reduce-thread.ts';

// Onto the wire.

export {
  serializeEvent,
  toWireAttachment,
  toWireEvent,
  toWireItem,
  toWireThread,
  toWireUpdate,
} from './serialize.ts';

// Errors.

export {
  ChatKitError,
  type ChatKitErrorOptions,
  CustomStreamError,
  type ErrorCode,
  isChatKitError,
  isCustomStreamError,
  isStreamError,
  StreamError,
} from './error.ts';

// The contracts of stores, logs and leases.

export type { RunAnswer, RunClaim, RunLease, RunRecord } from './run-lease.ts';
export { isStorableId } from './storable-id.ts';
export type {
  AttachmentStore,
  PageOptions,
  SaveThreadOptions,
  Store,
  StoredThread,
} from './store.ts';
export {
  compareOffsets,
  formatOffset,
  type LogEntry,
  parseOffset,
  type ReadOptions,
  type RunOutcome,
  type StreamLog,
} from './stream-log.ts';
export {
  entriesOfRow,
  isTextRow,
  lastOffsetOfRow,
  type RowLane,
  type RowWriter,
  rowLaneOf,
  type TextRow,
  textRows,
} from './text-row.ts';
