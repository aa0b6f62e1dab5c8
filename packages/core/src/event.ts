/** The types of the events on a stream. */
import type { ThreadItem } from './item.ts';
import type { Thread } from './thread.ts';
import type { ThreadItemUpdate } from './update.ts';

/** Any event on a stream, discriminated by `type`. A peer may send types that are not listed here; ignore those. */
export type ThreadStreamEvent =
  | ThreadCreatedEvent
  | ThreadUpdatedEvent
  | ThreadItemAddedEvent
  | ThreadItemUpdatedEvent
  | ThreadItemDoneEvent
  | ThreadItemRemovedEvent
  | ThreadItemReplacedEvent
  | StreamOptionsEvent
  | ProgressUpdateEvent
  | ClientEffectEvent
  | ErrorEvent
  | NoticeEvent;

/** The event of one type: `ThreadStreamEventOf<'notice'>`. */
export type ThreadStreamEventOf<T extends ThreadStreamEvent['type']> = Extract<ThreadStreamEvent, { type: T }>;

/** The first event of a new conversation. */
export type ThreadCreatedEvent = {
  type: 'thread.created';
  /** The thread's page of items is empty. */
  thread: Thread;
};

/** The title, the status or the allowed image domains of the conversation changed. */
export type ThreadUpdatedEvent = {
  type: 'thread.updated';
  /** The thread's page of items is empty: keep the items that you have. */
  thread: Thread;
};

/** An item begins; updates follow, and `thread.item.done`. */
export type ThreadItemAddedEvent = {
  type: 'thread.item.added';
  item: ThreadItem;
};

/** An item that was added changes. */
export type ThreadItemUpdatedEvent = {
  type: 'thread.item.updated';
  item_id: string;
  update: ThreadItemUpdate;
};

/** An item is complete. It is stored, and replaces everything that was streamed for its id. */
export type ThreadItemDoneEvent = {
  type: 'thread.item.done';
  item: ThreadItem;
};

/** An item is gone, from the screen and from the store. */
export type ThreadItemRemovedEvent = {
  type: 'thread.item.removed';
  item_id: string;
};

/** An item replaces the one with the same id; its type may differ. */
export type ThreadItemReplacedEvent = {
  type: 'thread.item.replaced';
  item: ThreadItem;
};

/** What the client may do while a stream goes on. */
export type StreamOptionsEvent = {
  type: 'stream_options';
  stream_options: StreamOptions;
};

/** What the client may do while a stream goes on. */
export type StreamOptions = {
  /** Whether a stop button makes sense. */
  allow_cancel: boolean;
};

/** Says what is going on until the next item comes. Not stored. */
export type ProgressUpdateEvent = {
  type: 'progress_update';
  icon?: string | undefined;
  text: string;
};

/** Something for the page to do: open a dialog, draw a map. Not stored. */
export type ClientEffectEvent = {
  type: 'client_effect';
  name: string;
  data: Record<string, unknown>;
};

/** The answer failed. The stream ends after it; what was said before it is kept. */
export type ErrorEvent = {
  type: 'error';
  /** `custom` goes with a message for the user, `stream.error` with none. An open set: a newer peer may send others. */
  code: string;
  /** For the user. */
  message?: string | undefined;
  /** Whether to offer a retry. */
  allow_retry: boolean;
};

/** A message beside the conversation. Not stored. */
export type NoticeEvent = {
  type: 'notice';
  level: 'info' | 'warning' | 'danger';
  /** Markdown. */
  message: string;
  title?: string | undefined;
};
