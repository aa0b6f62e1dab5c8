/** What a journal has to write of one run. */
import type { SqlBatch, SqlReply } from './sql-log-steps.ts';

export interface JournalJob {
  readonly id: string;
  /** Whether it stands in the journal's queue. */
  isQueued: boolean;
  /** Since when writing it fails, by `performance.now()`. */
  failingSince: number | undefined;
  /** What is to be written now, oldest first. The same again, and what came since, after a failure. */
  batches(nowMs: number): readonly SqlBatch[];
  /** What became of these batches, in their order. */
  onReplies(replies: readonly SqlReply[]): void;
  /** The database has been out of reach for too long. */
  onFailure(error: unknown): void;
}
