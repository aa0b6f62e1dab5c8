/**
 * Writes to the database what runs have for it: every now and then, the batches of many runs in one transaction. One transaction is under way at a
 * time. What failed is tried again with growing pauses, until a run has waited for too long.
 */
import { isChatKitError } from '@chatkit/core';
import { macrotask } from '@chatkit/stream/engine';
import type { JournalJob } from './journal-job.ts';
import { unreachable } from './log-errors.ts';
import type { SqlLogDatabase } from './sql-log-database.ts';
import { type SqlBatch, type SqlLogLimits, type SqlReply, sweepRuns, writeBatch } from './sql-log-steps.ts';
import type { SqlSteps } from './sql-steps.ts';

/** How soon something is to be written: at once, with what comes within a fifth of the interval, or with the interval. */
export type Haste = 'now' | 'soon' | 'later';

export interface Journal {
  /** A run has something new. */
  touch(job: JournalJob, haste: Haste): void;
  /** Resolves when all that there is now is written, or has failed once more. */
  flush(): Promise<void>;
  /** Writes nothing more. */
  close(): void;
}

export interface JournalOptions {
  readonly database: SqlLogDatabase;
  readonly limits: SqlLogLimits;
  readonly flushMs: number;
  readonly unreachableMs: number;
}

/** More would keep the event loop for too long at once. */
const maxRuns = 128;
const maxBytes = 1024 * 1024;
const sweepEveryMs = 250;
const firstPauseMs = 20;
const slowestPauseMs = 1_000;

export const createJournal = ({ database, limits, flushMs, unreachableMs }: JournalOptions): Journal => {
  let queue: JournalJob[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let dueAt = Number.POSITIVE_INFINITY;
  let writing: Promise<void> | undefined;
  let isClosed = false;
  let sweptAt = Number.NEGATIVE_INFINITY;
  let pauseMs = 0;

  const waitOf: Record<Haste, number> = { now: 0, soon: flushMs / 5, later: flushMs };
  const schedule = (waitMs: number): void => {
    if (isClosed) return;
    const at = performance.now() + Math.max(waitMs, pauseMs);
    if (at >= dueAt) return;
    clearTimeout(timer);
    dueAt = at;
    timer = setTimeout(onDue, Math.max(waitMs, pauseMs));
  };
  const onDue = (): void => {
    timer = undefined;
    dueAt = Number.POSITIVE_INFINITY;
    // What comes while a round is under way is in the next one.
    if (writing === undefined) void flush();
    else void writing.then(() => flush());
  };
  const enqueue = (job: JournalJob): void => {
    if (job.isQueued) return;
    job.isQueued = true;
    queue.push(job);
  };

  const flush = (): Promise<void> => {
    writing ??= round().finally(() => {
      writing = undefined;
    });
    return writing;
  };
  const round = async (): Promise<void> => {
    const jobs = queue;
    queue = [];
    let isFailing = false;
    for (let next = 0; next < jobs.length; ) {
      // The others of the process have their turn between two portions.
      if (next > 0) await new Promise<void>(macrotask);
      if (isClosed) return;
      const now = Date.now();
      const portion: Portion[] = [];
      for (let bytes = 0; next < jobs.length && portion.length < maxRuns && bytes < maxBytes; next += 1) {
        const job = jobs[next] as JournalJob;
        job.isQueued = false;
        const batches = job.batches(now);
        if (batches.length > 0) portion.push({ job, batches });
        for (const batch of batches) bytes += batch.text.length;
      }
      if (portion.length > 0) isFailing = !(await writeAll(portion)) || isFailing;
    }
    pauseMs = isFailing ? Math.min(slowestPauseMs, Math.max(firstPauseMs, pauseMs * 2)) : 0;
    if (queue.length > 0) schedule(flushMs);
  };

  /** → whether it did not fail. */
  const writeAll = async (portion: readonly Portion[]): Promise<boolean> => {
    try {
      const replies = await database.write(() => write(portion));
      for (const [at, { job }] of portion.entries()) {
        job.failingSince = undefined;
        job.onReplies(replies[at] as SqlReply[]);
      }
      return true;
    } catch (error) {
      // One that the database cannot take must not take the others with it. A file that is busy is so for all of them.
      if (portion.length > 1 && !isChatKitError(error)) {
        let isDone = true;
        for (const each of portion) isDone = (await writeAll([each])) && isDone;
        return isDone;
      }
      for (const { job } of portion) onFailed(job, error);
      return false;
    }
  };
  const onFailed = (job: JournalJob, error: unknown): void => {
    const now = performance.now();
    job.failingSince ??= now;
    if (now - job.failingSince >= unreachableMs) job.onFailure(unreachable(job.id, error, database.name));
    else enqueue(job);
  };
  function* write(portion: readonly Portion[]): SqlSteps<SqlReply[][]> {
    const replies: SqlReply[][] = [];
    for (const { batches } of portion) {
      const of: SqlReply[] = [];
      for (const batch of batches) of.push(yield* writeBatch(batch, limits));
      replies.push(of);
    }
    const now = performance.now();
    if (now - sweptAt >= sweepEveryMs) {
      sweptAt = now;
      yield* sweepRuns(Date.now());
    }
    return replies;
  }

  return {
    touch(job, haste) {
      if (job.isQueued) {
        if (haste !== 'later') schedule(waitOf[haste]);
        return;
      }
      enqueue(job);
      if (haste !== 'later' || timer === undefined) schedule(waitOf[haste]);
    },
    async flush() {
      await writing;
      await flush();
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
};

interface Portion {
  readonly job: JournalJob;
  readonly batches: readonly SqlBatch[];
}
