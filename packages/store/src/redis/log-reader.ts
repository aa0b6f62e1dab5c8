/**
 * A reader of a run: first replays its past, in pages from Redis, then follows the window that this process has of it.
 * It goes back to pages whenever the window no longer covers its position, because the reader fell behind or another
 * machine took the run over.
 */
import { compareOffsets, type LogEntry, parseOffset, type ReadOptions } from '@chatkit/core';
import { expiredRun, unknownOffset, unknownRun, unreachable } from '../shared/log-errors.ts';
import { TailReader } from '../shared/tail-reader.ts';
import type { EntryWindow } from './entry-window.ts';
import type { FetchPage } from './log-pages.ts';
import { type LogRun, type Tail, windowOf } from './log-run.ts';

export interface LogReaderOptions {
  /** Returns this process's record of the run, and creates it if there is none. */
  readonly enter: (runId: string) => LogRun;
  /** Starts following the run, from `tail` on. */
  readonly follow: (run: LogRun, tail: string) => void;
  readonly fetchPage: FetchPage;
  /** Called when the reader has found its place in the window, and when it has taken an entry. */
  readonly onMoved: (run: LogRun) => void;
  /** Called when the reader has left. */
  readonly onLeft: (run: LogRun) => void;
}

/** How many batches of a run's past are fetched at once. */
const pageBatches = 200;

export const readLog = (options: LogReaderOptions, runId: string, where: ReadOptions): AsyncIterable<LogEntry> =>
  new LogReader(options, runId, where).entries;

class LogReader extends TailReader<LogEntry> implements Tail {
  private readonly options: LogReaderOptions;
  private readonly runId: string;
  private run!: LogRun;
  /** The offset of the last entry delivered; initially what the reader already has. */
  private position: string | undefined;
  /** The page that is being delivered. */
  private past: readonly LogEntry[] = [];
  private given = 0;
  private isKnown = false;
  /** Whether `position` may be beyond the window's last entry. */
  private isAhead = false;
  private isOver = false;
  private isFetching = false;
  private error: unknown;
  window: EntryWindow | undefined;
  index = -1;

  constructor(options: LogReaderOptions, runId: string, { after, signal }: ReadOptions) {
    super(signal);
    this.options = options;
    this.runId = runId;
    this.position = after;
  }

  protected attach(): void {
    const { position } = this;
    if (position !== undefined && parseOffset(position) === undefined) throw unknownOffset(position);
    this.run = this.options.enter(this.runId);
    this.isKnown = this.run.isLocal;
    this.run.tails.push(this);
  }

  protected poll(): LogEntry | 'wait' | 'end' {
    for (;;) {
      if (this.isFetching) return 'wait';
      const error = this.error ?? this.run.failure;
      if (error !== undefined) throw error;
      const fetched = this.past[this.given];
      if (fetched !== undefined) {
        this.given += 1;
        if (this.isNew(fetched)) return this.give(fetched);
        continue;
      }
      if (this.isOver) return 'end';
      const window = this.enterWindow();
      if (window === undefined) {
        void this.fetch();
        return 'wait';
      }
      const entry = window.at(this.index);
      if (entry === undefined) return window.isEnded ? 'end' : 'wait';
      this.index += 1;
      this.options.onMoved(this.run);
      if (this.isAhead && !this.isNew(entry)) continue;
      this.isAhead = false;
      return this.give(entry);
    }
  }

  protected detach(): void {
    const { run } = this;
    run.tails.splice(run.tails.indexOf(this), 1);
    this.options.onLeft(run);
  }

  /** The window, after setting this reader's index in it; `undefined` if it does not cover the reader's position. */
  private enterWindow(): EntryWindow | undefined {
    const { position } = this;
    const window = windowOf(this.run);
    if (window !== this.window) this.index = -1;
    this.window = window;
    if (window === undefined || this.index >= window.first) return window;
    if (!window.covers(position)) return undefined;
    this.index = position === undefined ? window.first : window.firstAfter(position);
    this.isAhead = position !== undefined;
    this.options.onMoved(this.run);
    return window;
  }

  private async fetch(): Promise<void> {
    if (this.isFetching) return;
    this.isFetching = true;
    const { options, run, runId } = this;
    try {
      const answer = await options.fetchPage(runId, this.position, pageBatches);
      if (answer === 'unknown') this.error = this.isKnown ? expiredRun(runId) : unknownRun(runId);
      else if (answer === 'expired') this.error = expiredRun(runId);
      else {
        this.isKnown = true;
        this.past = answer.entries;
        this.given = 0;
        this.isOver = answer.isWhole && answer.outcome !== '';
        if (answer.isWhole && !this.isOver && run.tails.includes(this)) options.follow(run, answer.tail);
      }
    } catch (error) {
      this.error = unreachable(runId, error, 'Redis');
    }
    this.isFetching = false;
    this.wake();
  }

  private isNew({ offset }: LogEntry): boolean {
    return this.position === undefined || compareOffsets(offset, this.position) > 0;
  }

  private give(entry: LogEntry): LogEntry {
    this.position = entry.offset;
    if ('end' in entry) this.isOver = true;
    return entry;
  }
}
