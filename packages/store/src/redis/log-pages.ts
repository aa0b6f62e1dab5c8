/** Fetches a run's entries from Redis, page by page, and retries until the log gives Redis up. */
import type { LogEntry } from '@chatkit/core';
import { collect, pipe, retry, TimeoutError, timeout } from '@chatkit/stream';
import { decodeBatch } from './log-batch.ts';
import { overdueMs } from './redis-lifeline.ts';
import type { RedisScript } from './redis-script.ts';

/** A page of a run's entries. */
export interface Page {
  /** The last offset in the log. */
  readonly tail: string;
  /** How the run ended; '' if it has not. */
  readonly outcome: string;
  /** How the run ended according to its lease; '' if it has not. */
  readonly leaseOutcome: string;
  readonly entries: readonly LogEntry[];
  /** Whether this is the last page. */
  readonly isWhole: boolean;
}

/**
 * Fetches the entries after `after`, oldest first, at most `count` batches. Rejects when Redis does not answer in time.
 */
export type FetchPage = (
  runId: string,
  after: string | undefined,
  count: number,
) => Promise<Page | 'unknown' | 'expired'>;

export interface LogPagesOptions {
  readonly script: RedisScript;
  /** The hash, the stream and the record of the lease. */
  readonly keysOf: (runId: string) => readonly string[];
  readonly unreachableMs: number;
  /** Called when an answer is overdue, so that the retry does not use a connection that is silent. */
  readonly isLost: (sentAt: number) => boolean;
}

const firstRetryMs = 20;
const slowestRetryMs = 1_000;
export const createFetchPage =
  ({ script, keysOf, unreachableMs, isLost }: LogPagesOptions): FetchPage =>
  async (runId, after, count) => {
    const giveUpAt = performance.now() + unreachableMs - firstRetryMs;
    const lateMs = overdueMs(unreachableMs);
    let sentAt = 0;
    const ask = async function* () {
      sentAt = performance.now();
      yield toPage(await script(keysOf(runId), [after ?? '', `${count}`]), count);
    };
    const [page] = await pipe(
      retry(() => pipe(ask(), timeout({ firstMs: lateMs })), {
        retries: Number.POSITIVE_INFINITY,
        baseMs: firstRetryMs,
        maxMs: slowestRetryMs,
        when: () => performance.now() < giveUpAt,
        onRetry: (error) => {
          if (error instanceof TimeoutError) isLost(sentAt);
        },
      }),
      timeout({ firstMs: unreachableMs }),
      collect,
    );
    return page as Page;
  };

const toPage = (reply: unknown, count: number): Page | 'unknown' | 'expired' => {
  if (reply === null || reply === undefined) return 'unknown';
  const [tail, outcome, batches, leaseOutcome] = reply as [string, string, unknown[], string];
  if (tail === 'expired') return 'expired';
  const entries = batches.flatMap((raw) => decodeBatch(raw)?.entries ?? []);
  return { tail, outcome, leaseOutcome, entries, isWhole: batches.length < count };
};
