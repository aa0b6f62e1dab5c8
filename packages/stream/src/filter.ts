/**
 * Keeps some of the items.
 */

import { stageOf } from './engine/inlet.ts';
import { Outlet } from './engine/outlet.ts';
import { DROP, PerItem } from './engine/per-item.ts';
import type { Stage } from './engine/stage.ts';
import type { Operator } from './stream.ts';

/**
 * The items for which `keep` returns, or resolves to, a truthy value. If `keep` throws, the source is closed and the
 * error follows the items before it. A type guard narrows the stream.
 *
 * @example
 * pipe(events, filter((event) => event.type === 'text'));
 */
export function filter<I, O extends I>(keep: (item: I, index: number) => item is O): Operator<I, O>;
export function filter<I>(keep: (item: I, index: number) => unknown): Operator<I, I>;
export function filter<I>(keep: (item: I, index: number) => unknown): Operator<I, I> {
  return (source) => new Outlet(new FilterStage(stageOf(source), keep));
}

class FilterStage<I> extends PerItem<I, I, unknown> {
  private readonly keep: (item: I, index: number) => unknown;
  private index = 0;

  constructor(upstream: Stage<I>, keep: (item: I, index: number) => unknown) {
    super(upstream);
    this.keep = keep;
  }

  protected call(item: I): unknown {
    const { keep } = this;
    return keep(item, this.index++);
  }

  protected apply(item: I, isKept: unknown): I | typeof DROP {
    return isKept ? item : DROP;
  }
}
