/** A reader of a run in the database: replays its past in pages, then waits for changes, until the run ends. */
import { compareOffsets, type LogEntry, parseOffset, type ReadOptions } from '@chatkit/core';
import type { ChangeReader, LogChanges } from './log-changes.ts';
import { expiredRun, unknownOffset, unknownRun } from './log-errors.ts';
import type { FetchLogPage } from './sql-log-page.ts';
import { TailReader } from './tail-reader.ts';

export interface StoredReaderOptions {
  readonly runId: string;
  readonly where: ReadOptions;
  readonly changes: LogChanges;
  readonly fetchPage: FetchLogPage;
  /** The number of the run, if the reader has already read from it. */
  readonly number?: number | undefined;
}

export class StoredReader extends TailReader<LogEntry> implements ChangeReader {
  readonly runId: string;
  private readonly options: StoredReaderOptions;
  private number: number | undefined;
  /** The offset of the last entry delivered; initially what the reader already has. */
  private position: string | undefined;
  /** The page that is being delivered. */
  private past: readonly LogEntry[] = [];
  private given = 0;
  /** `stale`: a page is being fetched and may be out of date already. */
  private progress: 'behind' | 'fetching' | 'stale' | 'waiting' | 'over' = 'behind';
  private broken: { readonly error: unknown } | undefined;

  constructor(options: StoredReaderOptions) {
    super(options.where.signal);
    this.options = options;
    this.runId = options.runId;
    this.number = options.number;
    this.position = options.where.after;
  }

  onChange(): void {
    if (this.progress === 'fetching') this.progress = 'stale';
    else if (this.progress === 'waiting' || this.given < this.past.length) {
      // Entries that have not been delivered may be of a run that was deleted.
      this.past = [];
      this.progress = 'behind';
      this.wake();
    }
  }

  onFailure(error: unknown): void {
    this.broken = { error };
    this.wake();
  }

  protected attach(): void {
    const { position } = this;
    if (position !== undefined && parseOffset(position) === undefined) throw unknownOffset(position);
    this.options.changes.enter(this);
  }

  protected poll(): LogEntry | 'wait' | 'end' {
    for (;;) {
      const entry = this.past[this.given];
      if (entry !== undefined) {
        this.given += 1;
        if (this.position !== undefined && compareOffsets(entry.offset, this.position) <= 0) continue;
        this.position = entry.offset;
        if ('end' in entry) this.progress = 'over';
        return entry;
      }
      if (this.broken !== undefined) throw this.broken.error;
      if (this.progress === 'over') return 'end';
      if (this.progress === 'behind') void this.fetch();
      return 'wait';
    }
  }

  protected detach(): void {
    this.options.changes.leave(this);
  }

  private async fetch(): Promise<void> {
    this.progress = 'fetching';
    try {
      const page = await this.options.fetchPage(this.runId, this.position);
      if (page === 'unknown' && this.number === undefined) throw unknownRun(this.runId);
      // A run that was deleted and created again is another run.
      const isOther = typeof page === 'object' && this.number !== undefined && page.number !== this.number;
      if (typeof page !== 'object' || isOther) throw expiredRun(this.runId);
      if (page.isWhole && page.isOrphan && page.entries.length === 0) throw expiredRun(this.runId);
      this.number = page.number;
      this.past = page.entries;
      this.given = 0;
      const isStale = (this.progress as string) === 'stale';
      if (page.isWhole && page.isEnded) this.progress = 'over';
      // No change will be signalled for an orphan, so its reader queries once more after what it has delivered.
      else this.progress = page.isWhole && !page.isOrphan && !isStale ? 'waiting' : 'behind';
    } catch (error) {
      this.progress = 'waiting';
      this.broken = { error };
    }
    this.wake();
  }
}
