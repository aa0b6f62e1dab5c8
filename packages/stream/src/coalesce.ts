/**
 * Merges neighbours while the reader is busy.
 */

import { stageOf } from './engine/inlet.ts';
import { Outlet } from './engine/outlet.ts';
import { Pump } from './engine/pump.ts';
import type { Stage } from './engine/stage.ts';
import type { Operator } from './stream.ts';

/** Options of `coalesce`. */
export interface CoalesceOptions<T> {
  /** What neighbours must have in common to be merged, compared by `===`. `undefined` is never merged. */
  key: (item: T) => unknown;
  /** One item in place of two neighbours with the same key. */
  merge: (older: T, newer: T) => T;
  /** How many unmerged items may wait; the source is not read beyond that. Default 1024. */
  capacity?: number;
  /** The most that one merged item may come to, in the measure of `sizeOf`. Default: no limit. */
  maxBytes?: number;
  /** The size of an item, for `maxBytes`. */
  sizeOf?: (item: T) => number;
}

/**
 * While the reader is busy, adjacent items of one key become one item. Nothing is reordered: an item with another key,
 * or with none, stands between. A reader that keeps up gets every item as it is, at once.
 *
 * @example
 * pipe(events, coalesce({ key: (event) => event.partId, merge: (a, b) => ({ ...a, text: a.text + b.text }) }));
 */
export function coalesce<T>(options: CoalesceOptions<T>): Operator<T, T> {
  return (source) => new Outlet(new CoalesceStage(stageOf(source), options));
}

class CoalesceStage<T> extends Pump<T, T> {
  private readonly options: CoalesceOptions<T>;
  private readonly capacity: number;

  constructor(upstream: Stage<T>, options: CoalesceOptions<T>) {
    super(upstream, 1); // hands out one item at a time, as the others may still grow
    this.options = options;
    this.capacity = Math.max(1, options.capacity ?? 1024);
  }

  protected override wantsMore(): boolean {
    return this.held < this.capacity;
  }

  protected override take(chunk: T[]): void {
    for (const item of chunk) this.add(item);
    if (this.isWaited && this.queue.size > 0) this.answer(this.takeChunk());
  }

  private add(item: T): void {
    const { queue } = this;
    const last = queue.size > 0 ? queue.at(queue.size - 1) : item;
    if (queue.size > 0 && this.belongTogether(last, item)) {
      queue.pop();
      queue.push(this.options.merge(last, item));
    } else queue.push(item);
  }

  private belongTogether(older: T, newer: T): boolean {
    const { key, maxBytes, sizeOf } = this.options;
    const common = key(older);
    if (common === undefined || common !== key(newer)) return false;
    return maxBytes === undefined || sizeOf === undefined || sizeOf(older) + sizeOf(newer) <= maxBytes;
  }
}
