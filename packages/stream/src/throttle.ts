/**
 * The newest item, not too often.
 */

import { type Clock, systemClock } from './clock.ts';
import { Deadline } from './engine/deadline.ts';
import { stageOf } from './engine/inlet.ts';
import { Outlet } from './engine/outlet.ts';
import { Pump } from './engine/pump.ts';
import type { Sink, Stage } from './engine/stage.ts';
import type { Operator } from './stream.ts';

/** Options of `throttle`. */
export interface ThrottleOptions {
  /** The least time between two items. */
  everyMs: number;
  /** Whether what is left at the end is delivered, so that the last item is never lost. Default true. */
  trailing?: boolean;
  /** Default: the runtime's clock. */
  clock?: Clock;
}

/**
 * At most one item per `everyMs`, always the newest; those between are dropped. The first comes at once, the last always
 * comes. For states, where only the newest counts. To slow a stream down without loss use `rateLimit`.
 *
 * @example
 * pipe(progress, throttle({ everyMs: 100 }), forEach(render));
 */
export function throttle<T>(options: ThrottleOptions): Operator<T, T> {
  return (source) => new Outlet(new ThrottleStage(stageOf(source), options));
}

class ThrottleStage<T> extends Pump<T, T> {
  private readonly options: ThrottleOptions;
  private readonly clock: Clock;
  private readonly deadline: Deadline;
  private newest: { item: T } | undefined;
  private nextAt = Number.NEGATIVE_INFINITY;

  constructor(upstream: Stage<T>, options: ThrottleOptions) {
    super(upstream);
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.deadline = new Deadline(this.clock, () => this.letOut());
  }

  override pull(sink: Sink<T>): void {
    super.pull(sink);
    this.letOut();
  }

  protected override wantsMore(): boolean {
    return true;
  }

  protected override take(chunk: T[]): void {
    this.newest = { item: chunk[chunk.length - 1] as T };
    this.letOut();
  }

  protected override flush(): void {
    if (this.newest !== undefined && this.options.trailing !== false) this.offer(this.newest.item);
  }

  protected override onOver(): void {
    this.deadline.clear();
  }

  private letOut(): void {
    if (!this.isWaited || this.newest === undefined) return;
    const now = this.clock.now();
    if (now < this.nextAt) {
      this.deadline.set(this.nextAt);
      return;
    }
    const { item } = this.newest;
    this.newest = undefined;
    this.nextAt = now + this.options.everyMs;
    this.offer(item);
  }
}
