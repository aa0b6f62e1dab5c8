/**
 * One source, many readers.
 */

import { stageOf } from './engine/inlet.ts';
import { Outlet } from './engine/outlet.ts';
import { Ring } from './engine/ring.ts';
import { type Cleanup, type Ending, ignoreCleanup, SILENT, type Sink, Stage } from './engine/stage.ts';
import { inNextTurn, isOverBudget } from './engine/time-budget.ts';
import type { Source, Stream } from './stream.ts';

/**
 * What happens to a reader that is more than `capacity` items behind:
 * - `'block'`: the source waits for it, and so do the others
 * - `'skip'`: it loses the oldest items, and `lagged` says so in their place
 * - `'disconnect'`: its stream fails with a `LaggedError`
 */
export type SlowReader = 'block' | 'skip' | 'disconnect';

/** A reader of a broadcast was too slow, or asked for items that are gone. */
export class LaggedError extends Error {
  override readonly name = 'LaggedError';
  readonly code = 'stream.lagged';
  /** How many items the reader has missed. */
  readonly missed: number;

  constructor(missed: number) {
    super(`The reader missed ${missed} items`);
    this.missed = missed;
  }
}

/** Options of `broadcast`. */
export interface BroadcastOptions {
  /** How far a reader may fall behind the source, in items. Default 1024. */
  capacity?: number;
  /** How many of the last items a new reader gets first. Default 0. */
  replay?: number;
  /** The policy for readers that do not bring their own. Default `'block'`. */
  slow?: 'block' | 'disconnect';
  /**
   * `'refcount'` (default): the source is read while there are readers and closed when the last has left.
   * `'detached'`: it is read from the start and goes on without readers, until it ends or the broadcast is closed.
   */
  source?: 'refcount' | 'detached';
}

/** Options of one reader. */
export type SubscribeOptions<L> = {
  /** The number of the first item wanted, counted from 0 at the start of the broadcast. Default: see `replay`. */
  from?: number;
} & ({ slow?: 'block' | 'disconnect' } | { slow: 'skip'; lagged: (missed: number) => L });

/** A source that can be subscribed to. */
export interface Broadcast<T> extends AsyncDisposable {
  /** A new stream of the items, from now on or from `from`. After the end it gives what is kept, then ends likewise. */
  subscribe<L = never>(options?: SubscribeOptions<L>): Stream<T | L>;
  /** How many items have come from the source; the number of the next one. */
  readonly count: number;
  /** How many readers are subscribed. */
  readonly readers: number;
  /** Ends all readers behind what they have, and closes the source. */
  close(): Promise<void>;
}

/**
 * Reads `source` once for any number of readers, each at its own pace. The newest items are kept in one shared ring: as
 * many as the slowest reader needs, at most `capacity`, and no fewer than `replay`. An error reaches each reader behind
 * the items before it. How the source ended is remembered for those who come late.
 *
 * @example
 * const run = broadcast(events, { replay: 1000, slow: 'disconnect', source: 'detached' });
 * for await (const event of run.subscribe({ from: lastEventId + 1 })) send(event);
 */
export function broadcast<T>(source: Source<T>, options: BroadcastOptions = {}): Broadcast<T> {
  const hub = new Hub(stageOf(source), options);
  if (options.source === 'detached') hub.read();
  const dispose: typeof Symbol.asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');
  return {
    subscribe: <L>(subscription: SubscribeOptions<L> = {}) =>
      new Outlet<T | L>(new Subscription<T, L>(hub, { slow: options.slow ?? 'block', ...subscription })),
    get count() {
      return hub.end;
    },
    get readers() {
      return hub.readers.length;
    },
    close: async () => hub.close(),
    [dispose]: async () => hub.close(),
  };
}

/** The shared ring, and the one reader of the source. Items are numbered from 0; the ring holds `start` to `end`. */
export class Hub<T> implements Sink<T> {
  /** An array, as it is gone through for every item. */
  readers: Subscription<T, unknown>[] = [];
  readonly capacity: number;
  readonly replay: number;
  ending: Ending | undefined;
  start = 0;
  end = 0;
  private readonly source: Stage<T>;
  private readonly isDetached: boolean;
  private readonly ring: Ring<T> = new Ring();
  private isOpen = false;
  private isReading = false;
  private isServing = false;

  constructor(source: Stage<T>, options: BroadcastOptions) {
    this.source = source;
    this.capacity = Math.max(1, options.capacity ?? 1024);
    this.replay = options.replay ?? 0;
    this.isDetached = options.source === 'detached';
  }

  /** The items from number `from` on, at most `count`. */
  slice(from: number, count: number): T[] {
    const items: T[] = [];
    for (let at = from; at < Math.min(this.end, from + count); at++) items.push(this.ring.at(at - this.start));
    return items;
  }

  /** Reads the source for as long as somebody wants it to be read and nobody holds it up. */
  read(): void {
    if (this.isReading) return;
    this.isReading = true;
    while (!this.isOpen && this.ending === undefined && this.isWanted()) {
      this.isOpen = true;
      this.source.pull(this);
    }
    this.isReading = false;
  }

  items(chunk: T[]): void {
    this.isOpen = false;
    for (const item of chunk) this.ring.push(item);
    this.end += chunk.length;
    this.isServing = true;
    for (const reader of this.readers) reader.onItems();
    this.isServing = false;
    this.trim();
    this.read();
  }

  done(): void {
    this.finish('done');
  }

  fail(error: unknown): void {
    this.finish({ error });
  }

  close(): Cleanup {
    if (this.ending !== undefined) return undefined;
    const cleanup = this.source.close();
    this.finish('done');
    return cleanup;
  }

  leave(reader: Subscription<T, unknown>): Cleanup {
    this.forget(reader);
    if (this.ending === undefined && this.readers.length === 0 && !this.isDetached) return this.close();
    this.trim();
    this.read();
    return undefined;
  }

  /** Makes a new list, so that a loop over the old one is not disturbed. */
  forget(reader: Subscription<T, unknown>): void {
    this.readers = this.readers.filter((other) => other !== reader);
  }

  /** Forgets what no reader needs any more. */
  trim(): void {
    if (this.isServing) return; // once for all readers, afterwards
    let needed = Math.max(0, this.end - this.replay);
    for (const reader of this.readers) needed = Math.min(needed, reader.next);
    for (; this.start < needed; this.start++) this.ring.shift();
  }

  private isWanted(): boolean {
    let isWanted = this.isDetached;
    for (const reader of this.readers) {
      if (reader.isBlocking) return false;
      isWanted ||= reader.isAsking;
    }
    return isWanted;
  }

  private finish(ending: Ending): void {
    this.isOpen = false;
    this.ending = ending;
    for (const reader of this.readers) reader.onItems();
  }
}

/** One reader: a place in the ring. */
export class Subscription<T, L> extends Stage<T | L> {
  /** The number of the item to be read next. */
  next: number;
  private readonly hub: Hub<T>;
  private readonly options: SubscribeOptions<L>;
  private readonly slow: SlowReader;
  private missed: number;
  // How many items of the last chunk have not been come to yet, as far as can be known; see `Queue`.
  private lent = 0;
  private resting: Sink<T | L> | undefined; // has asked, and waits for the event loop to have had a turn
  private isOver = false;

  constructor(hub: Hub<T>, options: SubscribeOptions<L>) {
    super();
    this.hub = hub;
    this.options = options;
    this.slow = options.slow ?? 'block';
    const from = options.from ?? hub.end - hub.replay;
    this.next = Math.min(Math.max(from, hub.start), hub.end);
    this.missed = options.from === undefined ? 0 : Math.max(0, hub.start - options.from);
    hub.readers.push(this as Subscription<T, unknown>);
  }

  /** Whether the source has to wait for this reader. */
  get isBlocking(): boolean {
    return this.slow === 'block' && this.hub.end - this.next + this.lent >= this.hub.capacity;
  }

  get isAsking(): boolean {
    return this.isWaited;
  }

  pull(sink: Sink<T | L>): void {
    const isBehind = this.next < this.hub.end;
    if (isBehind && isOverBudget(Math.min(256, this.hub.end - this.next))) {
      this.resting = sink;
      inNextTurn(() => {
        const { resting } = this;
        this.resting = undefined;
        if (resting !== undefined) this.ask(resting);
      });
    } else this.ask(sink);
  }

  close(): Cleanup {
    this.sink = SILENT;
    this.resting = undefined;
    if (this.isOver) return undefined;
    this.isOver = true;
    return this.hub.leave(this as Subscription<T, unknown>);
  }

  override endFromOutside(): Cleanup {
    const { resting } = this;
    const cleanup = super.endFromOutside();
    resting?.done();
    return cleanup;
  }

  /** The hub has more items, or has ended. */
  onItems(): void {
    if (this.isWaited) this.serve();
    const { hub } = this;
    const excess = hub.end - this.next - hub.capacity;
    if (excess <= 0 || this.slow === 'block') return;
    this.next += excess;
    this.missed += excess;
  }

  private ask(sink: Sink<T | L>): void {
    const wasBlocking = this.isBlocking;
    this.sink = sink;
    this.lent = 0;
    this.serve();
    if (this.isWaited || wasBlocking) this.hub.read();
  }

  private serve(): void {
    const { hub } = this;
    if (this.isOver) this.answerDone();
    else if (this.missed > 0) this.reportMissed();
    else if (this.next < hub.end) {
      const chunk = hub.slice(this.next, Math.min(256, Math.ceil(hub.capacity / 2)));
      const wasLast = this.next === hub.start;
      this.next += chunk.length;
      this.lent = chunk.length - 1;
      this.answer(chunk);
      if (wasLast) hub.trim();
    } else if (hub.ending !== undefined) {
      this.isOver = true;
      hub.forget(this as Subscription<T, unknown>);
      this.answerEnding(hub.ending);
    }
  }

  private reportMissed(): void {
    const { missed, options } = this;
    this.missed = 0;
    if ('lagged' in options) {
      this.answer([options.lagged(missed)]);
      return;
    }
    const { sink } = this;
    ignoreCleanup(this.close());
    sink.fail(new LaggedError(missed));
  }
}
