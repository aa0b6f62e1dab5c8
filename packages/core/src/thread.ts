/** Threads: a conversation as it is stored (`ThreadMetadata`) and as a client receives it (`Thread`). */
import type { ThreadItem } from './item.ts';

/** What is stored of a conversation, without its items. */
export type ThreadMetadata = {
  id: string;
  /** ISO 8601. */
  created_at: string;
  /** Absent until it has one. Set it in `respond()`: it is saved, and clients are told. */
  title?: string | undefined;
  /** Only an active thread takes messages. */
  status: ThreadStatus;
  /** Where images in the assistant's Markdown may come from; absent: the client's own rule. */
  allowed_image_domains?: string[] | undefined;
  /** Yours alone: stored with the thread, always `{}` on the wire. */
  metadata: Record<string, unknown>;
};

/** A conversation on the wire: `metadata` is `{}`. */
export type Thread = ThreadMetadata & {
  /** Empty on events and in lists of threads. */
  items: Page<ThreadItem>;
};

/** Whether messages are taken, told apart by `type`: `locked` for a while, `closed` for good. */
export type ThreadStatus = ActiveStatus | LockedStatus | ClosedStatus;

/** It takes messages. */
export type ActiveStatus = {
  type: 'active';
};

/** It takes no messages for now. */
export type LockedStatus = {
  type: 'locked';
  /** For the user. */
  reason?: string | undefined;
};

/** It takes no messages any more. */
export type ClosedStatus = {
  type: 'closed';
  /** For the user. */
  reason?: string | undefined;
};

/** A page of a list. */
export interface Page<T> {
  data: T[];
  has_more: boolean;
  /** The cursor of the next page: the id of the last entry; absent on the last page. */
  after?: string | undefined;
}
