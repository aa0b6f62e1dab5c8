/**
 * A stream that is written from outside: the bridge from callbacks to pipelines.
 */

import { Outlet } from './engine/outlet.ts';
import { Queue } from './engine/queue.ts';
import type { Cleanup, Ending } from './engine/stage.ts';
import { type Overflow, OverflowError } from './overflow.ts';
import type { Stream } from './stream.ts';

/** Options of `pushable`. */
export interface PushableOptions<T> {
  /** How many items may wait for the reader. Default 1024; `Infinity` is allowed and means what it says. */
  capacity?: number;
  /** What a push into a full queue does. Default `'error'`. */
  overflow?: Overflow;
  /** Called with each item that is lost to `'drop-oldest'` or `'drop-newest'`. */
  onDrop?: (item: T) => void;
  /** Called once when the reader closes the stream; what it returns is awaited by the reader's `return()`. */
  onClose?: () => void | PromiseLike<void>;
}

/** A stream with the means to write it. */
export interface Pushable<T> extends Stream<T> {
  /**
   * Hands an item to the reader. False means: hold on, and wait for `ready()` before the next. The item itself was
   * taken, unless the stream is over already or a push before it had returned false, too; see `overflow`.
   */
  push(item: T): boolean;
  /** Hands over several items as one chunk. Taken whole if the queue is not full, so the bound is capacity + chunk. */
  pushMany(items: Iterable<T>): boolean;
  /** Resolves when there is room: true to go on, false if the stream is over. Never rejects. */
  ready(): Promise<boolean>;
  /** Ends the stream behind what is queued. */
  end(): void;
  /** Fails the stream behind what is queued. Dies silently if nobody reads it. */
  fail(error: unknown): void;
  /** Whether pushes are pointless: ended, failed or closed by the reader. */
  readonly isOver: boolean;
  /** How many items wait for the reader. */
  readonly size: number;
  /** How many items were lost to `overflow`. */
  readonly dropped: number;
}

/**
 * A queue with a stream at its other end. A waiting reader gets the item within the call of `push`, without a tick.
 * When the reader closes the stream, `isOver` turns true, `ready()` resolves to false and pushes do nothing.
 *
 * @example
 * const lines = pushable<string>({ capacity: 100, onClose: () => socket.close() });
 * socket.onmessage = ({ data }) => lines.push(data) || socket.pause();
 * socket.onclose = () => lines.end();
 */
export function pushable<T>(options: PushableOptions<T> = {}): Pushable<T> {
  return new PushableStream(new PushQueue(options));
}

class PushableStream<T> extends Outlet<T> implements Pushable<T> {
  private readonly source: PushQueue<T>;

  constructor(source: PushQueue<T>) {
    super(source);
    this.source = source;
  }

  push(item: T): boolean {
    return this.source.push(item);
  }

  pushMany(items: Iterable<T>): boolean {
    return this.source.pushMany([...items]);
  }

  ready(): Promise<boolean> {
    return this.source.ready();
  }

  end(): void {
    this.source.end('done');
  }

  fail(error: unknown): void {
    this.source.end({ error });
  }

  get isOver(): boolean {
    return this.source.isOver;
  }

  get size(): number {
    return this.source.size;
  }

  get dropped(): number {
    return this.source.dropped;
  }
}

/** The stage behind `pushable`; also that of the bridges from events. */
export class PushQueue<T> extends Queue<T> {
  private readonly capacity: number;
  private readonly overflow: Overflow;
  private readonly onDrop: ((item: T) => void) | undefined;
  private readonly onClose: (() => void | PromiseLike<void>) | undefined;
  private waiters: (() => void)[] = [];
  dropped = 0;

  constructor({ capacity = 1024, overflow = 'error', onDrop, onClose }: PushableOptions<T>) {
    super(capacity);
    this.capacity = Math.max(1, capacity);
    this.overflow = overflow;
    this.onDrop = onDrop;
    this.onClose = onClose;
  }

  get isOver(): boolean {
    return this.isEnded;
  }

  get size(): number {
    return this.held;
  }

  push(item: T): boolean {
    if (this.isEnded) return false;
    if (this.hasRoom) this.offer(item);
    else this.overflowWith(item);
    return this.hasRoom && !this.isEnded;
  }

  pushMany(items: T[]): boolean {
    if (this.isEnded) return false;
    if (this.hasRoom) this.offerAll(items);
    else for (const item of items) this.overflowWith(item);
    return this.hasRoom && !this.isEnded;
  }

  async ready(): Promise<boolean> {
    if (!this.hasRoom && !this.isEnded) await new Promise<void>((resolve) => this.waiters.push(resolve));
    return !this.isEnded;
  }

  end(ending: Ending): void {
    this.finish(ending);
  }

  protected override onPull(): void {
    if (this.hasRoom) this.wake();
  }

  protected override onOver(): void {
    this.wake();
  }

  override close(): Cleanup {
    const wasEnded = this.isEnded;
    super.close();
    if (wasEnded) return undefined;
    try {
      const closing = this.onClose?.();
      return closing === undefined ? undefined : Promise.resolve(closing);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  private get hasRoom(): boolean {
    return this.isWaited || this.held < this.capacity;
  }

  private overflowWith(item: T): void {
    if (this.isEnded) return;
    if (this.overflow === 'error') {
      this.finish({ error: new OverflowError(this.capacity) });
      return;
    }
    this.dropped++;
    // After a large `pushMany` everything may be lent to the reader; then there is nothing older left to drop.
    if (this.overflow === 'drop-newest' || this.queue.size === 0) {
      this.onDrop?.(item);
      return;
    }
    const oldest = this.queue.shift();
    this.queue.push(item);
    this.onDrop?.(oldest);
  }

  private wake(): void {
    const { waiters } = this;
    this.waiters = [];
    for (const resolve of waiters) resolve();
  }
}
