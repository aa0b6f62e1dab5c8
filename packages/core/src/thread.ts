/** The types of a thread (a conversation): as stored (`ThreadMetadata`) and as sent to a client (`Thread`). */
import type { ThreadItem } from './item.ts';

/** A conversation as stored, without its items. */
export type ThreadMetadata = {
  id: string;
  /** ISO 8601. */
  created_at: string;
  /** Absent until the thread has one. Set it in `respond()`: it is saved and sent to clients. */
  title?: string | undefined;
  /** Only an active thread accepts messages. */
  status: ThreadStatus;
  /** The domains from which images in the assistant's Markdown may be loaded. Absent: the client decides. */
  allowed_image_domains?: string[] | undefined;
  /** For your own use: stored with the thread, always `{}` on the wire. */
  metadata: Record<string, unknown>;
};

/** A conversation on the wire: `metadata` is `{}`. */
export type Thread = ThreadMetadata & {
  /** Empty on events and in lists of threads. */
  items: Page<ThreadItem>;
};

/** Whether messages are accepted, discriminated by `type`: `locked` means not for now, `closed` never again. */
export type ThreadStatus = ActiveStatus | LockedStatus | ClosedStatus;

/** The thread accepts messages. */
export type ActiveStatus = {
  type: 'active';
};

/** The thread accepts no messages for now. */
export type LockedStatus = {
  type: 'locked';
  /** For the user. */
  reason?: string | undefined;
};

/** The thread accepts no more messages. */
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
