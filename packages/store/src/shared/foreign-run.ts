/**
 * The entries that this process appends to a run that another process created: each append waits until it is in the
 * database.
 */
import type { ChatKitError, LogEntry } from '@chatkit/core';
import { type BatchDraft, BatchDrafts } from './batch-drafts.ts';
import type { JournalJob } from './journal-job.ts';
import { closedRun, expiredRun, fencedRun, unknownRun } from './log-errors.ts';
import type { SqlBatch, SqlReply } from './sql-log-steps.ts';
import { type Waiter, waiterOf } from './waiter.ts';

export interface ForeignRunOptions {
  readonly id: string;
  readonly writer: string;
  readonly openTtlMs: number;
  readonly endedTtlMs: number;
  readonly onWritten: (run: ForeignRun) => void;
  /** Called when nothing is left to write. */
  readonly onIdle: (run: ForeignRun) => void;
}

interface Append {
  readonly drafts: readonly BatchDraft[];
  readonly done: Waiter;
}

export class ForeignRun implements JournalJob {
  readonly id: string;
  isQueued = false;
  failingSince: number | undefined;
  private readonly options: ForeignRunOptions;
  private appends: Append[] = [];

  constructor(options: ForeignRunOptions) {
    this.options = options;
    this.id = options.id;
  }

  /** Resolves when the entries are in the database. */
  append(entries: readonly LogEntry[]): Promise<void> {
    const done = waiterOf();
    const drafts = new BatchDrafts();
    for (const entry of entries) drafts.add(entry);
    this.appends.push({ drafts: drafts.list, done });
    return done.promise;
  }

  batches(nowMs: number): readonly SqlBatch[] {
    const { id, writer, openTtlMs, endedTtlMs } = this.options;
    return this.appends.flatMap(({ drafts }) =>
      drafts.map(({ epoch, seq, bytes, outcome, text }) => ({
        ...{ run: id, writer, before: undefined, epoch, seq, bytes, outcome, text },
        expiresMs: nowMs + (outcome === '' ? openTtlMs : endedTtlMs),
      })),
    );
  }

  onReplies(replies: readonly SqlReply[]): void {
    let at = 0;
    while (at < replies.length) {
      const { drafts, done } = this.appends.shift() as Append;
      const refused = replies.slice(at, at + drafts.length).find((reply) => reply !== 'done');
      at += drafts.length;
      if (refused === undefined) done.resolve();
      else done.reject(refusalOf(this.id, refused));
    }
    this.options.onWritten(this);
    if (this.appends.length === 0) this.options.onIdle(this);
  }

  onFailure(error: unknown): void {
    for (const { done } of this.appends) done.reject(error);
    this.appends = [];
    this.options.onIdle(this);
  }
}

/** The error with which an append is rejected. */
export const refusalOf = (runId: string, reply: Exclude<SqlReply, 'done'>): ChatKitError => {
  if (reply === 'gone') return unknownRun(runId);
  if (reply === 'closed') return closedRun(runId);
  return reply === 'fenced' ? fencedRun(runId) : expiredRun(runId);
};
