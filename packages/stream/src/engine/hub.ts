/**
 * The engine of `tee` and `broadcast`: one source for any number of readers. It keeps a shared queue of the newest
 * items, and each reader has a position in it.
 *
 * Members that begin with a low line, here and in the rest of the package, are those that no exported interface
 * declares. The build gives them one letter (docs/decisions/stream-size.md). Those that are not `private` are used by
 * the other class.
 */

import type { BroadcastOptions, SubscribeOptions } from '../broadcast.ts';
import { LaggedError } from '../lagged-error.ts';
import { atLeast } from './at-least.ts';
import { Fifo } from './fifo.ts';
import { type Pump, pump, type Queue } from './pump.ts';
import { type Cleanup, type Ending, type Failure, SILENT, type Sink, type Stage } from './stage.ts';

export class Hub<T> implements Sink<T> {
  /** How many items have come, which is also the number of the next one. */
  _count = 0;
  _ending: Ending | undefined;
  /** The newest items. */
  readonly _kept = new Fifo<T>();
  /** How far a reader may fall behind. */
  declare readonly _capacity: number;
  /** Replaced, never changed in place, so that a loop over the list is not disturbed. */
  _readers: readonly Reader<T, unknown>[] = [];
  declare private readonly _upstream: Stage<T>;
  declare readonly _replay: number;
  /** What readers do that have no policy of their own. */
  declare readonly _slow: BroadcastOptions['slow'];
  declare private readonly _isDetached: boolean;
  private _isOpen = false; // a pull on the source has not been answered
  private _isReading = false;
  private _isServing = false;

  constructor(source: Stage<T>, options: BroadcastOptions) {
    this._upstream = source;
    this._capacity = atLeast(1, options.capacity ?? 1024);
    this._replay = atLeast(0, options.replay ?? 0);
    this._slow = options.slow ?? 'block';
    this._isDetached = options.source === 'detached';
    if (this._isDetached) this._read();
  }

  _subscribe<L>(options: SubscribeOptions<L>): Stage<T | L> {
    const reader = new Reader<T, L>(this, options);
    this._readers = [...this._readers, reader];
    if (this._ending) reader._onMore();
    return reader;
  }

  /** Ends all readers after what is kept for them. */
  close(): Cleanup {
    if (this._ending) return undefined;
    const cleanup = this._upstream.close();
    this.end();
    return cleanup;
  }

  item(value: T): void {
    const readers = this._readers;
    // A waiting reader has read everything and gets the item directly. It is kept only for the others.
    let isKept = this._replay > 0;
    this._count++;
    for (const reader of readers) {
      reader._isNext = reader._sink !== SILENT;
      if (reader._isNext) reader._next++;
      else isKept = true;
    }
    if (isKept) this._kept.push(value);
    this._isServing = true;
    for (const reader of readers) {
      if (reader._isNext) reader._letGo().item(value);
      else reader._onMore();
    }
    this._arrived();
  }

  items(chunk: T[]): void {
    for (const item of chunk) this._kept.push(item);
    this._count += chunk.length;
    this._isServing = true;
    for (const reader of this._readers) reader._onMore();
    this._arrived();
  }

  end(failure?: Failure): void {
    if (this._ending) return;
    this._ending = { failure };
    for (const reader of this._readers) reader._onMore();
  }

  /** The number of the oldest item. */
  _start(): number {
    return this._count - this._kept.length;
  }

  /** Reads the source for as long as a reader asks and no blocking reader is full. */
  _read(): void {
    if (this._isReading) return;
    this._isReading = true;
    while (!this._isOpen && !this._ending && this._isWanted()) {
      this._isOpen = true;
      this._upstream.pull(this);
    }
    this._isReading = false;
  }

  /** Drops the items that no reader needs any more. */
  _trim(): void {
    if (this._isServing) return; // once for all readers, afterwards
    let needed = this._count - this._replay;
    for (const reader of this._readers) needed = Math.min(needed, reader._next);
    while (this._start() < needed) this._kept.shift();
  }

  _leave(leaver: Reader<T, unknown>): Cleanup {
    if (!this._readers.includes(leaver)) return undefined;
    this._readers = this._readers.filter((reader) => reader !== leaver);
    if (!this._ending && this._readers.length === 0 && !this._isDetached) return this.close();
    this._trim();
    this._read();
    return undefined;
  }

  private _isWanted(): boolean {
    let isAsked = this._isDetached;
    for (const reader of this._readers) {
      if (reader._sink !== SILENT) isAsked = true;
      else if (reader._isBlocking && reader._behind() + reader._lent >= this._capacity) return false;
    }
    return isAsked;
  }

  private _arrived(): void {
    this._isOpen = false;
    this._isServing = false;
    if (this._kept.length > 0) this._trim();
    // Only if a reader pulled inside its answer: calling `_read` every time costs `tee` a tenth of its time.
    if (this._isDetached || this._readers.some((reader) => reader._sink !== SILENT)) this._read();
  }
}

/**
 * One reader, and the queue of what it has not read: a view of the kept items, with the stand-in for missed ones in
 * front.
 */
class Reader<T, L> implements Stage<T | L>, Queue<T | L> {
  /** The number of the item to be read next. */
  declare _next: number;
  /** The open pull's sink, while there is nothing for it. */
  _sink: Sink<T | L> = SILENT;
  /**
   * Whether it gets the item being delivered. Noted for all readers first, because one reader may pull another
   * meanwhile.
   */
  _isNext = false;
  /** How many items of the last chunk the reader may not have reached yet; see `_lent` in `pump.ts`. */
  _lent = 0;
  /** Whether the source may have to wait for it. */
  declare readonly _isBlocking: boolean;
  declare private readonly _hub: Hub<T>;
  declare private readonly _options: SubscribeOptions<L>;
  /** Serves the items that other readers have already caused to be read, and the end. */
  declare private readonly _late: Pump<T | L>;
  private _missed = 0;

  constructor(hub: Hub<T>, options: SubscribeOptions<L>) {
    this._hub = hub;
    this._options = options;
    this._isBlocking = (options.slow ?? hub._slow) === 'block';
    const from = atLeast(0, options.from ?? hub._count - hub._replay);
    const start = hub._start();
    this._next = Math.min(Math.max(from, start), hub._count);
    this._missed = Math.max(0, start - from); // none without `from`: what it is to get is kept
    const upstream = { pull() {}, close: () => hub._leave(this) };
    this._late = pump<never, T | L>(upstream, { capacity: hub._capacity, queue: this });
  }

  pull(to: Sink<T | L>): void {
    this._lent = 0;
    if (this.length > 0 || this._hub._ending) {
      this._late.pull(to);
      this._leaveIfDone();
    } else {
      this._sink = to;
      this._hub._read();
    }
  }

  close(): Cleanup {
    const cleanup = this._late.close();
    this._letGo().end();
    return cleanup;
  }

  _letGo(): Sink<T | L> {
    const to = this._sink;
    this._sink = SILENT;
    return to;
  }

  /** More has come, or the end. */
  _onMore(): void {
    const { _ending: ending, _capacity: capacity } = this._hub;
    if (ending) this._late.finish(ending.failure);
    if (this._sink !== SILENT) this._late.pull(this._letGo());
    this._leaveIfDone();
    const excess = this._behind() - capacity;
    if (excess <= 0 || this._isBlocking) return;
    this._next += excess;
    this._missed += excess;
  }

  /** How many items it has not read. */
  _behind(): number {
    return this._hub._count - this._next;
  }

  get length(): number {
    return this._behind() + (this._missed > 0 ? 1 : 0);
  }

  take(count: number): (T | L)[] {
    if (this._missed > 0) return [this._mark()];
    const { _kept: kept } = this._hub;
    const place = this._next - this._hub._start();
    this._next += count;
    this._lent = count - 1;
    const chunk: T[] = [];
    while (chunk.length < count) chunk.push(kept.at(place + chunk.length));
    if (place === 0) this._hub._trim();
    // Here and not in `pull`, because the pump may take the chunk after yielding to the event loop.
    this._hub._read();
    return chunk;
  }

  clear(): void {
    this._next = this._hub._count;
    this._missed = 0;
  }

  push(): void {} // unused: nothing is offered to this reader's pump

  private _mark(): L {
    const missed = this._missed;
    this._missed = 0;
    if ('lagged' in this._options) return this._options.lagged(missed);
    this.clear();
    throw new LaggedError(missed);
  }

  private _leaveIfDone(): void {
    if (this._hub._ending && this.length === 0) this._hub._leave(this);
  }
}
