/**
 * Every item, not too fast.
 */

import { type Clock, systemClock } from './clock.ts';
import { Deadline } from './engine/deadline.ts';
import { stageOf } from './engine/inlet.ts';
import { Linear } from './engine/linear.ts';
import { Outlet } from './engine/outlet.ts';
import { Ring } from './engine/ring.ts';
import type { Cleanup, Stage } from './engine/stage.ts';
import type { Operator } from './stream.ts';

/** Options of `rateLimit`. */
export interface RateLimitOptions {
  /** How many items may pass … */
  count: number;
  /** … within any span of this length. */
  perMs: number;
  /** Default: the runtime's clock. */
  clock?: Clock;
}

/**
 * Delays items so that no span of `perMs` sees more than `count` of them. Nothing is lost and nothing is read ahead, so
 * the source is slowed down, too. For states, where only the newest counts, use `throttle`.
 *
 * @example
 * pipe(jobs, rateLimit({ count: 10, perMs: 1000 }), mapAsync(callApi, { concurrency: 4 }));
 */
export function rateLimit<T>(options: RateLimitOptions): Operator<T, T> {
  return (source) => new Outlet(new RateLimitStage(stageOf(source), options));
}

class RateLimitStage<T> extends Linear<T, T> {
  private readonly options: RateLimitOptions;
  private readonly clock: Clock;
  private readonly deadline: Deadline;
  private readonly passed: Ring<number> = new Ring(); // when the last `count` items passed
  private held: T[] = [];

  constructor(upstream: Stage<T>, options: RateLimitOptions) {
    super(upstream);
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.deadline = new Deadline(this.clock, () => this.letOut());
  }

  override items(chunk: T[]): void {
    this.held = chunk;
    this.letOut();
  }

  override close(): Cleanup {
    this.held = [];
    return super.close();
  }

  protected override onOver(): void {
    this.deadline.clear();
  }

  private letOut(): void {
    const now = this.clock.now();
    const { count, perMs } = this.options;
    while (this.passed.size > 0 && this.passed.at(0) + perMs <= now) this.passed.shift();
    const free = Math.min(count - this.passed.size, this.held.length);
    if (free <= 0) {
      this.deadline.set(this.passed.at(0) + perMs);
      return;
    }
    for (let index = 0; index < free; index++) this.passed.push(now);
    const out = this.held.splice(0, free);
    if (this.held.length > 0) this.resume = () => this.letOut();
    this.answer(out);
  }
}
