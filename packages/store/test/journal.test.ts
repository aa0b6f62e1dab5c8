/** When a journal writes, what it writes together, and what it does when that fails. The database is a list, and the clock is moved by hand. */
import { ChatKitError } from '@chatkit/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createJournal } from '../src/shared/journal.ts';
import type { JournalJob } from '../src/shared/journal-job.ts';
import type { SqlLogDatabase } from '../src/shared/sql-log-database.ts';
import { type SqlReply, writeBatches } from '../src/shared/sql-log-steps.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const createDatabase = () => {
  /** Each transaction, as the runs whose batches were in it. */
  const transactions: string[][] = [];
  let fails: (ids: readonly string[]) => unknown;
  let takesMs = 0;
  const database: SqlLogDatabase = {
    name: 'A list',
    read: async () => [],
    writeBatches,
    isInProcess: true,
    async write(steps) {
      const ids: string[] = [];
      const run = steps();
      let step = run.next();
      while (!step.done) {
        const { text, values } = step.value;
        if (text.includes('INSERT INTO chatkit_log_batch')) ids.push(String(values[0]));
        const row = { number: values[0], epoch: 0, seq: 0, writer: '', outcome: '', bytes: 0 };
        step = run.next(text.includes('SELECT number, epoch') ? [row] : []);
      }
      vi.setSystemTime(Date.now() + takesMs);
      if (takesMs > 0) await vi.advanceTimersByTimeAsync(takesMs);
      const error = fails?.(ids);
      if (error !== undefined) throw error;
      transactions.push(ids);
      return step.value;
    },
    close() {},
  };
  return {
    database,
    transactions,
    failWith(when: typeof fails) {
      fails = when;
    },
    takes(ms: number) {
      takesMs = ms;
    },
  };
};

/** A run with one batch whenever it is asked. */
class Job implements JournalJob {
  readonly id: string;
  isQueued = false;
  failingSince: number | undefined;
  readonly replies: SqlReply[] = [];
  failure: unknown;
  constructor(id: string) {
    this.id = id;
  }
  batches() {
    const batch = { run: this.id, writer: 'w', epoch: 1, seq: 1, before: undefined, text: '[]', bytes: 1 };
    return [{ ...batch, outcome: '' as const, expiresMs: undefined }];
  }
  onReplies(replies: readonly SqlReply[]) {
    this.replies.push(...replies);
  }
  onFailure(error: unknown) {
    this.failure = error;
  }
}
const start = (database: SqlLogDatabase) =>
  createJournal({ database, maxBytesPerRun: 1_000, flushMs: 25, unreachableMs: 1_000 });
const jobs = (count: number) => Array.from({ length: count }, (_, n) => new Job(`${n}`));

describe('createJournal', () => {
  it('writes what came within an interval together, once', async () => {
    const { database, transactions } = createDatabase();
    const journal = start(database);
    const [a, b] = jobs(2) as [Job, Job];
    journal.touch(a, 'later');
    journal.touch(a, 'later');
    await vi.advanceTimersByTimeAsync(20);
    journal.touch(b, 'later');
    expect(transactions).toEqual([]);
    await vi.advanceTimersByTimeAsync(6);
    expect(transactions).toEqual([['0', '1']]);
    expect([a.replies, b.replies]).toEqual([['done'], ['done']]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(transactions.length).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('writes what is in haste alone: one token more in a row of each of the others would be a row of its own', async () => {
    const { database, transactions } = createDatabase();
    const journal = start(database);
    const [patient, hasty, soon] = jobs(3) as [Job, Job, Job];
    journal.touch(patient, 'later');
    journal.touch(soon, 'soon');
    journal.touch(hasty, 'now');
    await vi.advanceTimersByTimeAsync(1);
    // What leaves within a few milliseconds anyway is taken along.
    expect(transactions).toEqual([['2', '1']]);
    await vi.advanceTimersByTimeAsync(30);
    expect(transactions).toEqual([['2', '1'], ['0']]);
  });

  it('writes many in portions, and lets others have a turn between them', async () => {
    const { database, transactions } = createDatabase();
    const journal = start(database);
    for (const job of jobs(300)) journal.touch(job, 'later');
    await vi.advanceTimersByTimeAsync(40);
    expect(transactions.map(({ length }) => length)).toEqual([128, 128, 44]);
  });

  it('rests when writing takes its time', async () => {
    const { database, transactions, takes } = createDatabase();
    const journal = start(database);
    const [job] = jobs(1) as [Job];
    takes(10);
    journal.touch(job, 'later');
    await vi.advanceTimersByTimeAsync(60);
    expect(transactions.length).toBe(1);
    journal.touch(job, 'later');
    await vi.advanceTimersByTimeAsync(60);
    expect(transactions.length).toBe(1);
    await vi.advanceTimersByTimeAsync(60);
    expect(transactions.length).toBe(2);
  });

  it('writes each alone when all together fail, so that one does not take the others with it', async () => {
    const { database, transactions, failWith } = createDatabase();
    const journal = start(database);
    failWith((ids) => (ids.includes('1') ? new Error('too big') : undefined));
    const all = jobs(3);
    for (const job of all) journal.touch(job, 'later');
    await vi.advanceTimersByTimeAsync(30);
    expect(transactions).toEqual([['0'], ['2']]);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(all.map(({ failure }) => (failure as ChatKitError | undefined)?.code)).toEqual([
      undefined,
      'internal',
      undefined,
    ]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('tries again, with growing pauses, what a busy database did not take, and gives up after a while', async () => {
    const { database, transactions, failWith } = createDatabase();
    const journal = start(database);
    const [job, other] = jobs(2) as [Job, Job];
    let tries = 0;
    failWith(() => {
      tries += 1;
      return new ChatKitError('internal', 'busy', { retryable: true });
    });
    journal.touch(job, 'later');
    await vi.advanceTimersByTimeAsync(900);
    expect(tries).toBeGreaterThan(3);
    expect(tries).toBeLessThan(12);
    failWith(() => undefined);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(transactions).toEqual([['0']]);
    failWith(() => new ChatKitError('internal', 'busy', { retryable: true }));
    journal.touch(other, 'now');
    await vi.advanceTimersByTimeAsync(4_000);
    expect(other.failure).toMatchObject({ code: 'internal', retryable: true });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('fails what it has not written when it is closed, also what is under way or in the same round', async () => {
    const { database } = createDatabase();
    let end = (_: unknown): void => {};
    const ended = new Promise<never>((_, fail) => {
      end = fail;
    });
    const journal = start({ ...database, write: () => ended });
    const all = jobs(200);
    for (const job of all) journal.touch(job, 'later');
    await vi.advanceTimersByTimeAsync(30);
    const [late] = jobs(1) as [Job];
    journal.touch(late, 'later');
    journal.close('closed');
    end(new ChatKitError('internal', 'The database is closed.'));
    await vi.advanceTimersByTimeAsync(100);
    for (const { failure } of [...all, late]) expect(failure).toBe('closed');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('counts only the failures since the last success', async () => {
    const { database, failWith } = createDatabase();
    const journal = start(database);
    const [job] = jobs(1) as [Job];
    for (let round = 0; round < 4; round += 1) {
      failWith(() => new ChatKitError('internal', 'busy', { retryable: true }));
      journal.touch(job, 'now');
      await vi.advanceTimersByTimeAsync(700);
      failWith(() => undefined);
      await vi.advanceTimersByTimeAsync(700);
    }
    expect([job.failure, job.replies.length]).toEqual([undefined, 4]);
  });
});
