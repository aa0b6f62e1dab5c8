/** Fetches what a run has in Redis, page by page, and asks again for as long as the log waits for Redis. */
import type { LogEntry } from '@chatkit/core';
import { decodeBatch } from './log-batch.ts';
import { answeredWithin } from './patience.ts';
import type { RedisScript } from './redis-script.ts';

/** A part of a run's past. */
export interface Page {
  /** The last offset in the log. */
  readonly tail: string;
  /** How the run ended; '' while it has not. */
  readonly outcome: string;
  /** How it ended by its lease; '' while it has not. */
  readonly leaseOutcome: string;
  readonly entries: readonly LogEntry[];
  /** Whether nothing comes after it. */
  readonly isWhole: boolean;
}

/** What comes after `after`, oldest first, at most `count` batches. Rejects when Redis does not answer in time. */
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
}

const firstRetryMs = 20;
const slowestRetryMs = 1_000;

export const createFetchPage =
  ({ script, keysOf, unreachableMs }: LogPagesOptions): FetchPage =>
  async (runId, after, count) => {
    const giveUpAt = performance.now() + unreachableMs;
    for (let retryMs = firstRetryMs; ; retryMs = Math.min(retryMs * 2, slowestRetryMs)) {
      try {
        const asked = script(keysOf(runId), [after ?? '', `${count}`]);
        return toPage(await answeredWithin(asked, giveUpAt - performance.now()), count);
      } catch (error) {
        if (performance.now() + retryMs >= giveUpAt) throw error;
        await new Promise((done) => setTimeout(done, retryMs));
      }
    }
  };

const toPage = (reply: unknown, count: number): Page | 'unknown' | 'expired' => {
  if (reply === null || reply === undefined) return 'unknown';
  const [tail, outcome, batches, leaseOutcome] = reply as [string, string, unknown[], string];
  if (tail === 'expired') return 'expired';
  const entries = batches.flatMap((raw) => decodeBatch(raw)?.entries ?? []);
  return { tail, outcome, leaseOutcome, entries, isWhole: batches.length < count };
};
