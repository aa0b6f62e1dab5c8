/**
 * Writes runs to the database in the background: at intervals, the batches of many runs in one transaction. One
 * transaction is under way at a time. Failed writes are retried with growing pauses, until a run has waited for too
 * long.
 */
import { isChatKitError } from '@chatkit/core';
import { macrotask } from '@chatkit/stream/engine';
import type { JournalJob } from './journal-job.ts';
import { unreachable } from './log-errors.ts';
import type { SqlLogDatabase } from './sql-log-database.ts';
import { type SqlBatch, type SqlReply, sweepRuns } from './sql-log-steps.ts';
import type { SqlSteps } from './sql-steps.ts';

/** How soon something is to be written: at once, within a fifth of the interval, or at the next interval. */
export type Haste = 'now' | 'soon' | 'later';

export interface Journal {
  /** Notes that a run has something new to write. */
  touch(job: JournalJob, haste: Haste): void;
  /** Resolves when everything that is queued now has been written, or has failed once more. */
  flush(): Promise<void>;
  /** Stops writing. What waits fails with this error, and so does what is under way if that fails. */
  close(error: unknown): void;
}

export interface JournalOptions {
  readonly database: SqlLogDatabase;
  readonly maxBytesPerRun: number;
  readonly flushMs: number;
  readonly unreachableMs: number;
}

/** Limits of one transaction: a larger one would block the event loop for too long. */
const maxRuns = 128;
const maxBytes = 1024 * 1024;
const sweepEveryMs = 250;
const firstPauseMs = 20;
const slowestPauseMs = 1_000;

/**
 * A database in this process may be written at most a tenth of the time: many runs at once then make larger batches,
 * and do not slow their tokens down.
 */
const restFactor = 9;
const longestRestMs = 250;

export const createJournal = ({ database, maxBytesPerRun, flushMs, unreachableMs }: JournalOptions): Journal => {
  let queue: JournalJob[] = [];
  /** Jobs of the queue that are to be written before the rest of it. */
  let hasty: JournalJob[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const due = { queue: Number.POSITIVE_INFINITY, hasty: Number.POSITIVE_INFINITY };
  let writing: Promise<void> | undefined;
  /** What fails everything that has not been written, once the journal is closed. */
  let closed: { readonly error: unknown } | undefined;
  let sweptAt = Number.NEGATIVE_INFINITY;
  let pauseMs = 0;
  let restMs = 0;

  const schedule = (what: keyof typeof due, waitMs: number): void => {
    if (closed !== undefined) return;
    const now = performance.now();
    const at = now + Math.max(waitMs, pauseMs);
    if (at >= due[what]) return;
    const isFirst = at < Math.min(due.queue, due.hasty);
    due[what] = at;
    if (isFirst) setTimer(at - now);
  };
  const setTimer = (ms: number): void => {
    clearTimeout(timer);
    timer = setTimeout(onDue, Math.max(0, ms));
  };
  const onDue = (): void => {
    timer = undefined;
    // Jobs that arrive while a round is under way are in the next one.
    if (writing === undefined) void next();
    else void writing.then(next);
  };
  const next = async (): Promise<void> => {
    const now = performance.now() + 1;
    if (due.queue <= now) await flush();
    else if (due.hasty <= now) {
      const jobs = hasty;
      hasty = [];
      due.hasty = Number.POSITIVE_INFINITY;
      await start(jobs);
    }
    const at = Math.min(due.queue, due.hasty);
    if (timer === undefined && at < Number.POSITIVE_INFINITY && closed === undefined) setTimer(at - performance.now());
  };
  const flush = (): Promise<void> => {
    if (writing !== undefined) return writing;
    const jobs = queue;
    queue = [];
    hasty = [];
    due.queue = Number.POSITIVE_INFINITY;
    due.hasty = Number.POSITIVE_INFINITY;
    const startedAt = performance.now();
    return start(jobs).then(() => {
      if (database.isInProcess) restMs = Math.min(longestRestMs, (performance.now() - startedAt) * restFactor);
    });
  };
  const start = (jobs: readonly JournalJob[]): Promise<void> => {
    writing = round(jobs).finally(() => {
      writing = undefined;
    });
    return writing;
  };
  const enqueue = (job: JournalJob): void => {
    job.isQueued = true;
    queue.push(job);
  };

  const round = async (jobs: readonly JournalJob[]): Promise<void> => {
    let isFailing = false;
    for (let next = 0; next < jobs.length; ) {
      // Let the rest of the process run between two portions.
      if (next > 0) await new Promise<void>(macrotask);
      if (closed !== undefined) return failQueued(jobs, closed.error);
      const portion: Portion[] = [];
      for (let bytes = 0; next < jobs.length && portion.length < maxRuns && bytes < maxBytes; next += 1) {
        const job = jobs[next] as JournalJob;
        // The job was hasty and has been written already.
        if (!job.isQueued) continue;
        job.isQueued = false;
        const batches = batchesOf(job);
        if (batches.length > 0) portion.push({ job, batches });
        for (const batch of batches) bytes += batch.text.length;
      }
      if (portion.length > 0) isFailing = !(await writeAll(portion)) || isFailing;
    }
    pauseMs = isFailing ? Math.min(slowestPauseMs, Math.max(firstPauseMs, pauseMs * 2)) : 0;
    if (queue.length > 0) schedule('queue', Math.max(flushMs, restMs));
  };

  /** Returns whether nothing failed. */
  const writeAll = async (portion: readonly Portion[]): Promise<boolean> => {
    let replies: SqlReply[][];
    try {
      replies = await database.write(() => write(portion));
    } catch (error) {
      // A batch that the database refuses must not fail the others, so they are tried one by one. A `ChatKitError`,
      // such as a busy file, concerns all of them.
      if (portion.length > 1 && !isChatKitError(error)) {
        let isDone = true;
        for (const each of portion) isDone = (await writeAll([each])) && isDone;
        return isDone;
      }
      for (const { job } of portion) onFailed(job, error);
      return false;
    }
    for (const [at, { job }] of portion.entries()) {
      job.failingSince = undefined;
      job.onReplies(replies[at] as SqlReply[]);
    }
    return true;
  };
  const onFailed = (job: JournalJob, error: unknown): void => {
    const now = performance.now();
    job.failingSince ??= now;
    if (closed !== undefined) job.onFailure(closed.error);
    else if (now - job.failingSince >= unreachableMs) job.onFailure(unreachable(job.id, error, database.name));
    else enqueue(job);
  };
  function* write(portion: readonly Portion[]): SqlSteps<SqlReply[][]> {
    const all = portion.flatMap(({ batches }) => batches);
    const told = yield* database.writeBatches(all, maxBytesPerRun);
    let at = 0;
    const replies = portion.map(({ batches }) => {
      at += batches.length;
      return told.slice(at - batches.length, at);
    });
    const now = performance.now();
    if (now - sweptAt >= sweepEveryMs) {
      sweptAt = now;
      yield* sweepRuns(Date.now());
    }
    return replies;
  }

  return {
    touch(job, haste) {
      if (!job.isQueued) {
        enqueue(job);
        if (due.queue === Number.POSITIVE_INFINITY) schedule('queue', Math.max(flushMs, restMs));
      }
      if (haste === 'later') return;
      hasty.push(job);
      schedule('hasty', haste === 'now' ? 0 : flushMs / 5);
    },
    async flush() {
      await writing;
      await flush();
    },
    close(error) {
      closed = { error };
      clearTimeout(timer);
      failQueued(queue.splice(0), error);
    },
  };
};

/** The job's batches; none if an event cannot be encoded as JSON, which fails the run with that error. */
const batchesOf = (job: JournalJob): readonly SqlBatch[] => {
  try {
    return job.batches(Date.now());
  } catch (error) {
    job.onFailure(error);
    return [];
  }
};

const failQueued = (jobs: readonly JournalJob[], error: unknown): void => {
  for (const job of jobs) {
    if (!job.isQueued) continue;
    job.isQueued = false;
    job.onFailure(error);
  }
};

interface Portion {
  readonly job: JournalJob;
  readonly batches: readonly SqlBatch[];
}
