/**
 * `batch`: groups items into arrays by count, bytes and time.
 */

import { type Clock, systemClock } from './clock.ts';
import { byteSize } from './engine/byte-size.ts';
import { type Deadline, deadline } from './engine/deadline.ts';
import { operator } from './engine/outlet.ts';
import {
  afterCleanup,
  type Cleanup,
  type Ending,
  type Failure,
  SILENT,
  type Sink,
  type Stage,
} from './engine/stage.ts';
import type { Operator } from './stream.ts';

const NONE = Number.POSITIVE_INFINITY; // no limit

/** Options of `batch`. At least one limit is required, else all items would be one batch. */
export interface BatchOptions<T> {
  /** The most items in a batch, at least 1. */
  maxItems?: number | undefined;
  /** The most bytes in a batch. A single larger item gets a batch of its own. */
  maxBytes?: number | undefined;
  /**
   * The longest that the first item of a batch waits for more. With this set, the next batch fills while the reader is
   * busy with the last.
   */
  maxMs?: number | undefined;
  /** The size of an item. Default: the bytes of a buffer, or of a string in UTF-8. */
  sizeOf?: ((item: T) => number) | undefined;
  /** Default: the runtime's clock. */
  clock?: Clock | undefined;
}

/**
 * Collects items until a limit is reached. The last, partial batch is delivered before the end or the error. A timer
 * runs only while an item waits. To let the reader's pace set the batch size, use `adaptiveBatch`.
 *
 * @example
 * pipe(rows, batch({ maxItems: 500, maxMs: 100 }), forEach((rows) => db.insert(rows)));
 */
export function batch<T>(
  options: BatchOptions<T> & ({ maxItems: number } | { maxBytes: number } | { maxMs: number }),
): Operator<T, T[]> {
  return operator((upstream) => new Batch(upstream, options));
}

/** Not built on `pump`, which is three times the code: a batch holds one thing, and only its timer acts unasked. */
class Batch<T> implements Stage<T[]>, Sink<T> {
  declare private readonly _upstream: Stage<T>;
  declare private readonly _maxItems: number;
  declare private readonly _maxBytes: number;
  declare private readonly _maxMs: number;
  declare private readonly _sizeOf: (item: T) => number;
  declare private readonly _clock: Clock;
  declare private readonly _due: Deadline;
  private _sink: Sink<T[]> = SILENT; // the open pull's
  private _open: T[] = []; // the batch being filled
  private _bytes = 0; // of the open batch
  private _ready: T[][] = []; // full batches, not read yet
  private _isAsking = false; // a pull on the upstream is unanswered, or no further pull may follow
  private _ending: Ending | undefined;

  constructor(upstream: Stage<T>, options: BatchOptions<T>) {
    this._upstream = upstream;
    this._maxItems = options.maxItems ?? NONE;
    this._maxBytes = options.maxBytes ?? NONE;
    this._maxMs = (options.maxMs ?? NONE) || 0; // `NaN` is no wait
    this._sizeOf = options.sizeOf ?? byteSize;
    this._clock = options.clock ?? systemClock;
    this._due = deadline(this._clock, () => {
      this._letOut();
      this._serve();
    });
  }

  pull(to: Sink<T[]>): void {
    this._sink = to;
    this._serve();
  }

  close(): Cleanup {
    this._open = [];
    this._ready = [];
    const cleanup = this._upstream.close();
    this.end();
    this._ending = {};
    return cleanup;
  }

  item(item: T): void {
    this._isAsking = this._take(item);
    this._serve();
  }

  items(chunk: T[]): void {
    this._isAsking = chunk.some((item) => this._take(item));
    this._serve();
  }

  end(failure?: Failure): void {
    if (this._ending) return;
    this._letOut();
    this._ending = { failure };
    this._due.clear();
    this._serve();
  }

  /** Adds an item to the open batch. True if the stream fails here or has ended. */
  private _take(item: T): boolean {
    if (this._maxBytes < NONE) {
      try {
        const size = this._sizeOf(item);
        if (this._ending) return true; // `sizeOf` has closed the stream
        if (this._bytes + size > this._maxBytes) this._letOut();
        this._bytes += size;
      } catch (error) {
        afterCleanup(this._upstream.close(), () => this.end({ error }));
        return true;
      }
    }
    const count = this._open.push(item);
    // Put so that a limit that is `NaN` lets each item out alone, and a fraction is rounded down.
    if (!(count + 1 <= this._maxItems && this._bytes < this._maxBytes)) this._letOut();
    else if (count === 1) this._due.set(this._clock.now() + this._maxMs);
    return false;
  }

  private _letOut(): void {
    if (this._open.length > 0) this._ready.push(this._open);
    this._open = [];
    this._bytes = 0;
  }

  /** Answers the reader and asks the upstream, as far as possible. */
  private _serve(): void {
    const to = this._sink;
    const ready = this._ready;
    if (to !== SILENT && (ready.length > 0 || this._ending)) {
      this._sink = SILENT; // it may pull again before the answer returns
      this._ready = [];
      if (ready.length > 0) to.items(ready);
      else to.end(this._ending?.failure);
    }
    const isAhead = this._maxMs < NONE && this._ready.length === 0;
    if (this._isAsking || this._ending || (this._sink === SILENT && !isAhead)) return;
    this._isAsking = true;
    this._upstream.pull(this);
  }
}
