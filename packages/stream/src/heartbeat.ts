/**
 * Fills the silence of a source.
 */

import { type Clock, systemClock } from './clock.ts';
import { Deadline } from './engine/deadline.ts';
import { stageOf } from './engine/inlet.ts';
import { Outlet } from './engine/outlet.ts';
import { Pump } from './engine/pump.ts';
import type { Sink, Stage } from './engine/stage.ts';
import type { Source, Stream } from './stream.ts';

/** Options of `heartbeat`. */
export interface HeartbeatOptions<H> {
  /** How long the reader may wait before it gets a heartbeat. */
  everyMs: number;
  /** The heartbeat, or a function that makes one. */
  value: H | (() => H);
  /** Default: the runtime's clock. */
  clock?: Clock;
}

/**
 * Adds `value` whenever the reader has been waiting for `everyMs` with nothing to read, from the first `next()` on.
 * Heartbeats are never queued and never delay an item. A `timeout` before this operator does not see them; one behind
 * it does.
 *
 * @example
 * pipe(frames, heartbeat({ everyMs: 15_000, value: ': keep-alive\n\n' }), forEach((text) => response.write(text)));
 */
export function heartbeat<T, H = T>(options: HeartbeatOptions<H>): (source: Source<T>) => Stream<T | H> {
  return (source) => new Outlet(new HeartbeatStage<T, H>(stageOf(source), options));
}

class HeartbeatStage<T, H> extends Pump<T, T | H> {
  private readonly options: HeartbeatOptions<H>;
  private readonly clock: Clock;
  private readonly deadline: Deadline;

  constructor(upstream: Stage<T>, options: HeartbeatOptions<H>) {
    super(upstream);
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.deadline = new Deadline(this.clock, () => this.beat());
  }

  override pull(sink: Sink<T | H>): void {
    this.deadline.set(this.clock.now() + this.options.everyMs);
    super.pull(sink);
  }

  protected override wantsMore(): boolean {
    return this.isWaited;
  }

  protected override take(chunk: T[]): void {
    this.offerAll(chunk);
  }

  protected override onOver(): void {
    this.deadline.clear();
  }

  private beat(): void {
    if (!this.isWaited) return;
    try {
      const { value } = this.options;
      this.answer([typeof value === 'function' ? (value as () => H)() : value]);
    } catch (error) {
      this.endNow({ error });
    }
  }
}
