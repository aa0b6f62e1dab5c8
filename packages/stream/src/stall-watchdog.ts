/**
 * Notices when a source goes quiet, and leaves it alone.
 */

import { type Clock, systemClock } from './clock.ts';
import { Deadline } from './engine/deadline.ts';
import { stageOf } from './engine/inlet.ts';
import { Linear } from './engine/linear.ts';
import { Outlet } from './engine/outlet.ts';
import type { Sink, Stage } from './engine/stage.ts';
import type { Operator } from './stream.ts';

/** What is known about a stall. */
export interface Stall {
  /** How long the reader has been waiting for this item. */
  waitedMs: number;
  /** How many items had come before. */
  items: number;
}

/** Options of `stallWatchdog`. */
export interface StallWatchdogOptions {
  /** How long the reader has to wait before it counts as a stall. */
  afterMs: number;
  /** Called once per stall, while it lasts. */
  onStall: (stall: Stall) => void;
  /** Called when a stall is over: an item came, or the end. */
  onResume?: (stall: Stall) => void;
  /** Default: the runtime's clock. */
  clock?: Clock;
}

/**
 * Reports that the source keeps the reader waiting, and does nothing else: no item is added, delayed or lost. Put it
 * before a `timeout` with a longer limit to see stalls before they become errors. Waiting counts, the reader's own time
 * does not.
 *
 * @example
 * pipe(completion, stallWatchdog({ afterMs: 3_000, onStall: (stall) => log.warn('stalled', stall) }));
 */
export function stallWatchdog<T>(options: StallWatchdogOptions): Operator<T, T> {
  return (source) => new Outlet(new WatchdogStage<T>(stageOf(source), options));
}

class WatchdogStage<T> extends Linear<T, T> {
  private readonly options: StallWatchdogOptions;
  private readonly clock: Clock;
  private readonly deadline: Deadline;
  private waitsSince = 0;
  private count = 0;
  private isStalled = false;

  constructor(upstream: Stage<T>, options: StallWatchdogOptions) {
    super(upstream);
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.deadline = new Deadline(this.clock, () => {
      this.isStalled = true;
      this.report(options.onStall);
    });
  }

  override pull(sink: Sink<T>): void {
    this.waitsSince = this.clock.now();
    this.deadline.set(this.waitsSince + this.options.afterMs);
    super.pull(sink);
  }

  override items(chunk: T[]): void {
    this.deadline.lift();
    this.endStall();
    this.count += chunk.length;
    this.answer(chunk);
  }

  override done(): void {
    this.endStall();
    super.done();
  }

  override fail(error: unknown): void {
    this.endStall();
    super.fail(error);
  }

  protected override onOver(): void {
    this.deadline.clear();
  }

  private endStall(): void {
    if (!this.isStalled) return;
    this.isStalled = false;
    this.report(this.options.onResume);
  }

  /** Never lets an error of the observer into the stream. */
  private report(observer: ((stall: Stall) => void) | undefined): void {
    const stall = { waitedMs: this.clock.now() - this.waitsSince, items: this.count };
    if (observer !== undefined) queueMicrotask(() => observer(stall));
  }
}
