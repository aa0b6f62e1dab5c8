/**
 * Copies one run from the log in memory to the database: reads the memory log, cuts new entries into batches, and keeps
 * these until they are written.
 */
import type { LogEntry, TextRow } from '@chatkit/core';
import type { Failure, Sink, Stage } from '@chatkit/stream/engine';
import { BatchDrafts } from './batch-drafts.ts';
import type { JournalJob } from './journal-job.ts';
import type { SqlBatch, SqlReply } from './sql-log-steps.ts';
import { type Waiter, waiterOf } from './waiter.ts';

export interface JournalRunOptions {
  readonly id: string;
  readonly number: number;
  readonly writer: string;
  /** The run's entries in the memory log, present and future. */
  readonly source: Stage<LogEntry | TextRow>;
  readonly windowBytes: number;
  readonly openTtlMs: number;
  readonly endedTtlMs: number;
  /** Called once, when the rest of the run cannot be written. */
  readonly onLost: (run: JournalRun, why: Exclude<SqlReply, 'done'> | { readonly error: unknown }) => void;
  readonly onWritten: (run: JournalRun) => void;
}

/** A class and not closures, because each token of each run touches it. */
export class JournalRun implements JournalJob, Sink<LogEntry | TextRow> {
  readonly id: string;
  readonly number: number;
  isQueued = false;
  failingSince: number | undefined;
  /** `over`: the memory log has no more entries. `lost`: the rest cannot be written. */
  state: 'open' | 'over' | 'lost' = 'open';
  /** The epoch of its entries; 0 while there are none. */
  epoch = 0;
  /** How many writes have succeeded. */
  writes = 0;
  private readonly options: JournalRunOptions;
  private drafts = new BatchDrafts();
  /** Bytes that have been taken and not been written. */
  private pending = 0;
  private asks: 'nothing' | 'one' | 'all' = 'nothing';
  private renewedAt = Date.now();
  private room: Waiter | undefined;
  private ending: Waiter | undefined;

  constructor(options: JournalRunOptions) {
    this.options = options;
    this.id = options.id;
    this.number = options.number;
  }

  /** Takes new entries out of the memory log. */
  take(): void {
    const isAsked = this.asks !== 'nothing';
    if (this.state !== 'open') return;
    this.asks = 'all';
    if (!isAsked) this.options.source.pull(this);
    if (this.asks === 'all') this.asks = 'one';
  }

  /** The backpressure: a promise if too much has been taken that is not written. */
  roomOf(): Promise<void> | undefined {
    if (this.pending <= this.options.windowBytes) return undefined;
    this.room ??= waiterOf();
    return this.room.promise;
  }

  /** Resolves when the terminal entry, which is already in the memory log, is written. Rejects when it cannot be. */
  ended(): Promise<void> {
    this.ending ??= waiterOf();
    this.settle();
    return this.ending.promise;
  }

  /** Takes what is there, to be written, and nothing more after that. */
  detach(): void {
    this.take();
    if (this.state !== 'open') return;
    this.state = 'over';
    this.options.source.close();
  }

  /** Drops what has not been written. */
  forget(error: unknown): void {
    if (this.state === 'lost') return;
    this.state = 'lost';
    this.drafts = new BatchDrafts();
    this.pending = 0;
    this.options.source.close();
    this.room?.resolve();
    this.ending?.reject(error);
  }

  batches(nowMs: number): readonly SqlBatch[] {
    this.take();
    return this.drafts.list.map(({ before, epoch, seq, bytes, outcome, text }) => ({
      ...{ run: this.number, writer: this.options.writer, before, epoch, seq, bytes, outcome, text },
      expiresMs: this.expiryOf(outcome, nowMs),
    }));
  }

  onReplies(replies: readonly SqlReply[]): void {
    if (this.state === 'lost') return;
    for (const reply of replies) {
      if (reply !== 'done') {
        this.options.onLost(this, reply);
        return;
      }
      this.pending -= this.drafts.list.shift()?.bytes ?? 0;
    }
    if (this.pending <= this.options.windowBytes / 2) {
      this.room?.resolve();
      this.room = undefined;
    }
    this.writes += 1;
    this.options.onWritten(this);
    this.settle();
  }

  onFailure(error: unknown): void {
    if (this.state !== 'lost') this.options.onLost(this, { error });
  }

  item(what: LogEntry | TextRow): void {
    const asks = this.asks;
    this.asks = asks === 'all' ? 'all' : 'nothing';
    this.pending += this.drafts.add(what);
    if (asks === 'all') this.options.source.pull(this);
  }

  items(chunk: (LogEntry | TextRow)[]): void {
    for (const each of chunk) this.item(each);
  }

  end(why?: Failure): void {
    if (this.state !== 'open') return;
    this.asks = 'nothing';
    // The memory log failed this reader: it had to drop entries before they could be taken.
    if (why !== undefined) this.onFailure(why.error);
    else this.state = 'over';
    this.settle();
  }

  private expiryOf(outcome: string, nowMs: number): number | undefined {
    if (outcome !== '') return nowMs + this.options.endedTtlMs;
    if (nowMs - this.renewedAt < this.options.openTtlMs / 10) return undefined;
    this.renewedAt = nowMs;
    return nowMs + this.options.openTtlMs;
  }

  private settle(): void {
    if (this.state === 'over' && this.drafts.list.length === 0) this.ending?.resolve();
  }
}
