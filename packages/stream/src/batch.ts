/**
 * Items by the array.
 */

import { type Clock, systemClock } from './clock.ts';
import { byteSize } from './engine/byte-size.ts';
import { Deadline } from './engine/deadline.ts';
import { stageOf } from './engine/inlet.ts';
import { Outlet } from './engine/outlet.ts';
import { Pump } from './engine/pump.ts';
import type { Stage } from './engine/stage.ts';
import type { Operator } from './stream.ts';

/** Options of `batch`; give at least one limit. */
export interface BatchOptions<T> {
  /** The most items in a batch. */
  maxItems?: number;
  /** The most bytes in a batch. One item that is larger makes a batch of its own. */
  maxBytes?: number;
  /** The longest that the first item of a batch waits for others. With this the next batch is filled ahead. */
  maxMs?: number;
  /** The size of an item. Default: bytes of a string in UTF-8 or of a buffer. */
  sizeOf?: (item: T) => number;
  /** Default: the runtime's clock. */
  clock?: Clock;
}

/**
 * Collects items until a limit is reached. The last, partial batch comes before the end or the error. A timer runs only
 * while an item waits. To let the reader's pace decide instead of numbers, use `adaptiveBatch`.
 *
 * @example
 * pipe(rows, batch({ maxItems: 500, maxMs: 100 }), forEach((rows) => db.insert(rows)));
 */
export function batch<T>(options: BatchOptions<T>): Operator<T, T[]> {
  return (source) => new Outlet(new BatchStage(stageOf(source), options));
}

class BatchStage<T> extends Pump<T, T[]> {
  private readonly maxItems: number;
  private readonly maxBytes: number;
  private readonly maxMs: number | undefined;
  private readonly sizeOf: (item: T) => number;
  private readonly clock: Clock;
  private readonly deadline: Deadline;
  private open: T[] = [];
  private openBytes = 0;

  constructor(upstream: Stage<T>, options: BatchOptions<T>) {
    super(upstream);
    this.maxItems = Math.max(1, options.maxItems ?? Number.POSITIVE_INFINITY);
    this.maxBytes = options.maxBytes ?? Number.POSITIVE_INFINITY;
    this.maxMs = options.maxMs;
    this.sizeOf = options.sizeOf ?? byteSize;
    this.clock = options.clock ?? systemClock;
    this.deadline = new Deadline(this.clock, () => this.letOut());
  }

  protected override wantsMore(): boolean {
    return this.isWaited || (this.maxMs !== undefined && this.held === 0);
  }

  protected override take(chunk: T[]): void {
    if (this.maxBytes === Number.POSITIVE_INFINITY) for (const item of chunk) this.add(item);
    else for (const item of chunk) this.addSized(item);
  }

  protected override flush(): void {
    this.letOut();
  }

  protected override onOver(): void {
    this.deadline.clear();
  }

  private addSized(item: T): void {
    const bytes = this.sizeOf(item);
    if (this.openBytes + bytes > this.maxBytes) this.letOut();
    this.openBytes += bytes;
    this.add(item);
    if (this.openBytes >= this.maxBytes) this.letOut();
  }

  private add(item: T): void {
    this.open.push(item);
    if (this.open.length >= this.maxItems) this.letOut();
    else if (this.maxMs !== undefined && this.open.length === 1) this.deadline.set(this.clock.now() + this.maxMs);
  }

  private letOut(): void {
    if (this.open.length === 0) return;
    const items = this.open;
    this.open = [];
    this.openBytes = 0;
    this.deadline.lift();
    this.offer(items);
  }
}
