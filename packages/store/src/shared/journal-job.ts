/** The part of one run that a journal has to write. */
import type { SqlBatch, SqlReply } from './sql-log-steps.ts';

export interface JournalJob {
  readonly id: string;
  /** Whether the job is in the journal's queue. */
  isQueued: boolean;
  /** Since when writing has been failing, by `performance.now()`. */
  failingSince: number | undefined;
  /** The batches to write now, oldest first. After a failure the same ones again, followed by new ones. */
  batches(nowMs: number): readonly SqlBatch[];
  /** Called with the results of these batches, in their order. */
  onReplies(replies: readonly SqlReply[]): void;
  /** Called when the database has been unreachable for too long. */
  onFailure(error: unknown): void;
}
