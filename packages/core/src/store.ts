/**
 * The contracts of stores, which keep threads, items, attachments and their bytes. `@chatkit/store` has
 * implementations. A store of your own needs only this package, and `describeStore` of `@chatkit/testing` checks it.
 */
import type { Attachment } from './attachment.ts';
import type { ThreadItem } from './item.ts';
import type { AttachmentCreateParams } from './request.ts';
import type { Page, ThreadMetadata } from './thread.ts';

/** Which page of a list to load. */
export interface PageOptions {
  /** The most entries to return. At least 1. */
  limit: number;
  /** `asc`: oldest first. Entries with equal `created_at` keep the order in which they were first written. */
  order: 'asc' | 'desc';
  /** The page begins after the entry with this id. Absent: from the start. */
  after?: string | undefined;
}

/** Options of `saveThread`. */
export interface SaveThreadOptions {
  /**
   * The version that the writer has read. The store MUST throw `thread.conflict` if the stored version differs. Absent:
   * overwrite whatever is there.
   */
  ifVersion?: number | undefined;
}

/** A stored thread with its version, which grows by one at every write. */
export interface StoredThread {
  thread: ThreadMetadata;
  version: number;
}

/**
 * Keeps threads, items and attachment records. `Context` is whatever the application passes to `server.handle()`,
 * usually the user.
 *
 * An implementation
 * - MUST isolate contexts: what one user wrote is *not found* for another, in every method, lists included;
 * - MUST treat every `save*` as an upsert by id that keeps the position of an existing entry, even when its
 *   `created_at` changes; MUST throw `thread.not_found` from `saveItem` when the thread is gone;
 * - MUST order items and threads by `created_at`, and equal ones by when they were first inserted;
 * - MUST count a missing thread as version 0, so that `ifVersion: 0` means "create only";
 * - MUST throw `item.not_found` (or `thread.not_found`) when the entry named by `after` is gone, never start from the
 *   beginning; the items of an unknown thread are an empty page;
 * - MUST never confuse two ids, and MUST take each that {@link isStorableId} accepts; others it may refuse, with
 *   `request.invalid`;
 * - MUST copy: a caller that changes an object it got or passed changes nothing in the store;
 * - MUST throw `ChatKitError` with `thread.not_found`, `item.not_found` or `attachment.not_found` from the `load*`
 *   methods;
 * - MUST delete a thread's items with the thread, and answer deletes of unknown ids silently;
 * - MUST apply a `transaction` as a whole or not at all, nested ones included;
 * - MUST NOT interpret `metadata`, widgets or any other free-form JSON.
 */
export interface Store<Context = unknown> {
  loadThread(threadId: string, context: Context): Promise<StoredThread>;
  /** Writes a thread and returns its new version. */
  saveThread(thread: ThreadMetadata, context: Context, options?: SaveThreadOptions): Promise<number>;
  listThreads(page: PageOptions, context: Context): Promise<Page<ThreadMetadata>>;
  deleteThread(threadId: string, context: Context): Promise<void>;

  loadItem(threadId: string, itemId: string, context: Context): Promise<ThreadItem>;
  saveItem(threadId: string, item: ThreadItem, context: Context): Promise<void>;
  listItems(threadId: string, page: PageOptions, context: Context): Promise<Page<ThreadItem>>;
  deleteItem(threadId: string, itemId: string, context: Context): Promise<void>;

  loadAttachment(attachmentId: string, context: Context): Promise<Attachment>;
  saveAttachment(attachment: Attachment, context: Context): Promise<void>;
  deleteAttachment(attachmentId: string, context: Context): Promise<void>;

  /** Runs `work` on a store whose writes become visible together, or not at all when `work` throws. */
  transaction<T>(work: (store: Store<Context>) => Promise<T>, context: Context): Promise<T>;
}

/**
 * Keeps the bytes of attachments. `createAttachment` MUST return an id that no other attachment has, and an
 * `upload_descriptor` when the client is to upload the bytes itself (two-phase upload).
 */
export interface AttachmentStore<Context = unknown> {
  createAttachment(input: AttachmentCreateParams, context: Context): Promise<Attachment>;
  deleteAttachment(attachmentId: string, context: Context): Promise<void>;
}
