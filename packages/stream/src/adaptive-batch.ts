/**
 * Batches whose size follows the reader's pace. There is no window to tune: while the reader is busy with one batch, the
 * next one fills, so the window is the time that the reader needs, and nothing when it is idle. A fixed window of 16 ms
 * costs 16 ms at every pace; see docs/guides/streams/batching.md for the comparison.
 */

import { type Clock, systemClock } from './clock.ts';
import { byteSize } from './engine/byte-size.ts';
import { Deadline } from './engine/deadline.ts';
import { stageOf } from './engine/inlet.ts';
import { Outlet } from './engine/outlet.ts';
import { Pump } from './engine/pump.ts';
import type { Sink, Stage } from './engine/stage.ts';
import type { Source, Stream } from './stream.ts';

/** Options of `adaptiveBatch`. */
export interface AdaptiveBatchOptions<T> {
  /** How many batches may be under way at once. Default 1. */
  credit?: number;
  /**
   * How many batches, or other units of credit, are under way as far as the transport knows; for transports whose
   * writes return before the data has left, such as `() => (socket.bufferedAmount > 0 ? 1 : 0)`. Read when an item
   * arrives, when the reader asks, and every `pollMs` while items are held.
   */
  pressure?: () => number;
  /** Default 4. */
  pollMs?: number;
  /** Each batch counts as under way until `ack()` is called; for peers that acknowledge. Default false. */
  acks?: boolean;
  /** The longest that credit may hold an item back while the reader asks for more. Default 250. */
  maxDelayMs?: number;
  /** The most items in a batch, and in memory. Default 1024. */
  maxItems?: number;
  /** The most bytes in a batch, and in memory, but for one larger item. Default: no limit. */
  maxBytes?: number;
  /** The size of an item. Default: bytes of a string in UTF-8 or of a buffer. */
  sizeOf?: (item: T) => number;
  /** Default: the runtime's clock. */
  clock?: Clock;
}

/** The operator, with the place to report acknowledgements, which count for the stream made last. */
export interface AdaptiveBatch<T> {
  (source: Source<T>): Stream<T[]>;
  /** The peer has taken `batches` more. Default 1. */
  ack(batches?: number): void;
}

/**
 * All items that have come since the reader asked last, in one batch: one item, at once, if it keeps up. A burst that
 * arrives in one turn leaves as one batch. By default the reader's own `next()` says that it is free again, which is
 * right wherever writes are awaited; `pressure` and `acks` are for the rest. When `maxItems` or `maxBytes` are held, the
 * source is not read. What is held leaves before the end or an error.
 *
 * @example
 * pipe(deltas, adaptiveBatch(), forEach((deltas) => writeFrame(response, deltas))); // writeFrame waits for the drain
 */
export function adaptiveBatch<T>(options: AdaptiveBatchOptions<T> = {}): AdaptiveBatch<T> {
  let stage: AdaptiveStage<T> | undefined;
  const operator = (source: Source<T>): Stream<T[]> => {
    stage = new AdaptiveStage(stageOf(source), options);
    return new Outlet(stage);
  };
  return Object.assign(operator, { ack: (batches = 1) => stage?.ack(batches) });
}

class AdaptiveStage<T> extends Pump<T, T[]> {
  private readonly options: AdaptiveBatchOptions<T>;
  private readonly clock: Clock;
  private readonly maxItems: number;
  private readonly maxBytes: number;
  private readonly sizeOf: (item: T) => number;
  private readonly poll: Deadline;
  private collected: T[] = [];
  private sizes: number[] = []; // of the collected items, if there is a limit in bytes
  private bytes = 0;
  private unacknowledged = 0;
  private heldSince = 0;
  private isScheduled = false;

  constructor(upstream: Stage<T>, options: AdaptiveBatchOptions<T>) {
    super(upstream);
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.maxItems = Math.max(1, options.maxItems ?? 1024);
    this.maxBytes = options.maxBytes ?? Number.POSITIVE_INFINITY;
    this.sizeOf = options.sizeOf ?? byteSize;
    this.poll = new Deadline(this.clock, () => this.letOut());
  }

  override pull(sink: Sink<T[]>): void {
    super.pull(sink);
    this.schedule();
  }

  ack(batches: number): void {
    this.unacknowledged = Math.max(0, this.unacknowledged - batches);
    this.schedule();
  }

  protected override wantsMore(): boolean {
    return this.collected.length < this.maxItems && this.bytes < this.maxBytes;
  }

  protected override take(chunk: T[]): void {
    if (this.collected.length === 0) this.heldSince = this.clock.now();
    for (const item of chunk) {
      this.collected.push(item);
      if (this.maxBytes === Number.POSITIVE_INFINITY) continue;
      const size = this.sizeOf(item);
      this.sizes.push(size);
      this.bytes += size;
    }
    this.schedule();
  }

  protected override flush(): void {
    while (this.collected.length > 0) this.offer(this.nextBatch());
  }

  protected override onOver(): void {
    this.poll.clear();
  }

  /** Lets the rest of this turn's burst arrive first. */
  private schedule(): void {
    if (this.isScheduled || !this.isWaited || this.collected.length === 0) return;
    this.isScheduled = true;
    queueMicrotask(() => {
      this.isScheduled = false;
      this.letOut();
    });
  }

  private letOut(): void {
    if (!this.isWaited || this.collected.length === 0) return;
    const { pollMs = 4, maxDelayMs = 250, pressure } = this.options;
    if (this.isOutOfCredit()) {
      const now = this.clock.now();
      const lastCall = this.heldSince + maxDelayMs;
      if (now < lastCall) {
        this.poll.set(pressure === undefined ? lastCall : Math.min(lastCall, now + pollMs));
        return;
      }
    }
    this.poll.lift();
    if (this.options.acks) this.unacknowledged++;
    this.offer(this.nextBatch());
    this.read();
  }

  private isOutOfCredit(): boolean {
    const { credit = 1, pressure } = this.options;
    return this.unacknowledged >= credit || (pressure !== undefined && pressure() >= credit);
  }

  private nextBatch(): T[] {
    const count = this.countOfNext();
    const batch = this.collected;
    this.collected = batch.splice(count);
    for (const size of this.sizes.splice(0, count)) this.bytes -= size;
    this.heldSince = this.clock.now();
    return batch;
  }

  private countOfNext(): number {
    if (this.bytes <= this.maxBytes) return this.maxItems;
    let count = 0;
    for (let bytes = 0; count < this.sizes.length && count < this.maxItems; count++) {
      bytes += this.sizes[count] as number;
      if (bytes > this.maxBytes && count > 0) break;
    }
    return count;
  }
}
