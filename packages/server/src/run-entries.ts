/**
 * The entries of a run, as its readers on this machine get them. They may come before it is known which machine writes
 * the entries; then they are read from the log, or as another machine provides them. A run that ends without a log has
 * only what was never written, and one whose log has failed gets an end that the log does not have.
 */
import {
  compareOffsets,
  type LogEntry,
  type ReadOptions,
  rowLaneOf,
  type StreamLog,
  type TextRow,
} from '@chatkit/core';
import type { Clock } from './clock.ts';
import { type Deferred, deferred } from './deferred.ts';
import { type Follower, type LostEnd, readToEnd } from './lost-end.ts';

/** Reads the log of a run, which may be on another machine. */
export type Follow = (options?: ReadOptions) => AsyncIterable<LogEntry | TextRow>;

export interface RunEntriesOptions {
  id: string;
  log: StreamLog;
  settings: { readonly clock: Clock };
}

/** Where entries are read from: unknown yet, the log, another machine (`Follow`), or nowhere but memory. */
type Place = 'awaited' | 'log' | 'memory' | Follow;

export class RunEntries {
  private readonly options: RunEntriesOptions;
  /** The entries of a run that has no log. */
  private readonly unwritten: readonly LogEntry[];
  private place: Place = 'awaited';
  /** For readers who come before the place is known. */
  private placing: Deferred<void> | undefined;
  private readonly followers = new Set<Follower>();
  /** Set when the log has refused the terminal entry. */
  private lostEnd: LostEnd | undefined;

  constructor(options: RunEntriesOptions, unwritten: readonly LogEntry[]) {
    this.options = options;
    this.unwritten = unwritten;
  }

  /** Reads the entries; text may come as rows. May be called before it is known which machine writes them. */
  read(options?: ReadOptions): AsyncIterable<LogEntry | TextRow> {
    const { place } = this;
    return place === 'log' || typeof place === 'function' ? this.readPlaced(place, options) : this.readLater(options);
  }

  /** The entries are in the log, or where `follow` reads them. */
  placeIn(place: 'log' | Follow): void {
    this.place = place;
    this.placing?.resolve();
  }

  /** The run has ended. With `lostEnd` the log does not have its end. */
  end(lostEnd?: LostEnd): void {
    if (lostEnd !== undefined) {
      this.lostEnd = lostEnd;
      for (const follower of this.followers) follower.readOn((after) => this.read({ after }));
    }
    if (this.place === 'awaited') this.place = 'memory';
    this.placing?.resolve();
  }

  /** Counts a connection among those that are told of an end that the log does not have. */
  follow(follower: Follower): void {
    this.followers.add(follower);
  }

  unfollow(follower: Follower): void {
    this.followers.delete(follower);
  }

  private readPlaced(place: 'log' | Follow, options?: ReadOptions): AsyncIterable<LogEntry | TextRow> {
    if (place !== 'log') return place(options);
    const { log, id, settings } = this.options;
    const entries: AsyncIterable<LogEntry | TextRow> = (rowLaneOf(log) ?? log).read(id, options);
    return this.lostEnd === undefined ? entries : readToEnd(entries, this.lostEnd, options, settings.clock);
  }

  private async *readLater({ after, signal }: ReadOptions = {}): AsyncGenerator<LogEntry | TextRow, void, undefined> {
    if (this.place === 'awaited') {
      this.placing ??= deferred();
      await (signal === undefined ? this.placing.promise : settledOrAborted(this.placing.promise, signal));
    }
    signal?.throwIfAborted();
    const { place } = this;
    if (place === 'log' || typeof place === 'function') yield* this.readPlaced(place, { after, signal });
    else
      for (const entry of this.unwritten)
        if (after === undefined || compareOffsets(entry.offset, after) > 0) yield entry;
  }
}

/** Waits for `work` or the signal, whichever comes first. Leaves no listener behind once `work` has settled. */
const settledOrAborted = (work: Promise<void>, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const onAbort = () => resolve();
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
