/**
 * Room between a fast source and a slow reader.
 */

import { stageOf } from './engine/inlet.ts';
import { Outlet } from './engine/outlet.ts';
import { Pump } from './engine/pump.ts';
import type { Stage } from './engine/stage.ts';
import { OverflowError } from './overflow.ts';
import type { Source, Stream } from './stream.ts';

/**
 * Options of `buffer`. `overflow` says what happens when the buffer is full:
 * - `'block'` (default): the source is not read
 * - `'error'`: the stream fails with an `OverflowError`, behind what is buffered
 * - `'drop-oldest'`, `'drop-newest'`: items are lost; `lagged` is called with their number where they are missing, and
 *   what it returns is delivered in their place
 * - `'coalesce'`: the new item is merged into the newest buffered one
 */
export type BufferOptions<T, L = never> = {
  /** How many items may wait. Default 64. */
  capacity?: number;
} & (
  | { overflow?: 'block' | 'error' }
  | { overflow: 'drop-oldest' | 'drop-newest'; lagged: (missed: number) => L }
  | { overflow: 'coalesce'; merge: (older: T, newer: T) => T }
);

/**
 * Reads ahead of the reader, from its first `next()` on. Loss is always visible: a policy that drops items has to say
 * what stands in for them.
 *
 * @example
 * pipe(prices, buffer({ capacity: 16, overflow: 'drop-oldest', lagged: (missed) => ({ missed }) }));
 */
export function buffer<T, L = never>(options: BufferOptions<T, L> = {}): (source: Source<T>) => Stream<T | L> {
  return (source) => new Outlet(new BufferStage<T, L>(stageOf(source), options));
}

class BufferStage<T, L> extends Pump<T, T | L> {
  private readonly options: BufferOptions<T, L>;
  private readonly capacity: number;
  private missed = 0;

  constructor(upstream: Stage<T>, options: BufferOptions<T, L>) {
    const capacity = Math.max(1, options.capacity ?? 64);
    super(upstream, capacity);
    this.options = options;
    this.capacity = capacity;
  }

  protected override wantsMore(): boolean {
    const { overflow = 'block' } = this.options;
    return overflow !== 'block' || this.isWaited || this.held < this.capacity;
  }

  protected override take(chunk: T[]): void {
    if (this.isWaited || this.held + chunk.length <= this.capacity || (this.options.overflow ?? 'block') === 'block') {
      this.noteGap();
      this.offerAll(chunk);
    } else for (const item of chunk) this.takeOne(item);
  }

  protected override takeChunk(): (T | L)[] {
    const chunk: (T | L)[] = super.takeChunk();
    if (this.options.overflow !== 'drop-oldest' || this.missed === 0) return chunk;
    try {
      chunk.unshift(this.lagged());
    } catch (error) {
      this.endEarly({ error });
    }
    return chunk;
  }

  protected override flush(): void {
    this.noteGap();
  }

  private takeOne(item: T): void {
    const { options, queue } = this;
    if (this.held < this.capacity) {
      this.noteGap();
      this.offer(item);
    } else if (options.overflow === 'coalesce') {
      if (queue.size > 0) queue.push(options.merge(queue.pop() as T, item));
      else queue.push(item); // all is lent to the reader already
    } else if (options.overflow === 'error') {
      this.endNow({ error: new OverflowError(this.capacity) });
    } else {
      this.missed++;
      if (options.overflow === 'drop-newest' || queue.size === 0) return;
      queue.shift();
      queue.push(item);
    }
  }

  /** Reports a gap that lies behind what is buffered. That of 'drop-oldest' lies before it; see `takeChunk`. */
  private noteGap(): void {
    if (this.missed > 0 && (this.options.overflow === 'drop-newest' || this.queue.size === 0))
      this.offer(this.lagged());
  }

  private lagged(): L {
    const { missed, options } = this;
    this.missed = 0;
    return 'lagged' in options ? options.lagged(missed) : (undefined as L);
  }
}
