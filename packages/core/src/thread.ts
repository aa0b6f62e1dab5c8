/** Threads: a conversation as it is stored (`ThreadMetadata`) and as a client receives it (`Thread`). */
import type * as z from 'zod';
import type { threadMetadataSchema, threadSchema, threadStatusSchema } from './schema/thread.ts';

/** What is stored of a conversation, without its items. `metadata` never leaves the server. */
export type ThreadMetadata = z.output<typeof threadMetadataSchema>;
/** A conversation on the wire: `metadata` is `{}`, `items` is a page (empty on events and in lists). */
export type Thread = z.output<typeof threadSchema>;
export type ThreadStatus = z.output<typeof threadStatusSchema>;

/** A page of a list. */
export interface Page<T> {
  data: T[];
  has_more: boolean;
  /** The cursor of the next page: the id of the last entry; absent on the last page. */
  after?: string | undefined;
}
