/**
 * Changes every item.
 */

import { stageOf } from './engine/inlet.ts';
import { Outlet } from './engine/outlet.ts';
import { PerItem } from './engine/per-item.ts';
import type { Stage } from './engine/stage.ts';
import type { Operator } from './stream.ts';

/**
 * What `fn` makes of each item. A plain result costs no tick; a promise is awaited before the next call, so calls never
 * overlap (`mapAsync` overlaps them). If `fn` throws, the source is closed and the error follows the items before it.
 *
 * @example
 * pipe(tokens, map((token, index) => `${index}: ${token}`));
 */
export function map<I, O>(fn: (item: I, index: number) => O | PromiseLike<O>): Operator<I, O> {
  return (source) => new Outlet(new MapStage(stageOf(source), fn));
}

class MapStage<I, O> extends PerItem<I, O, O> {
  private readonly fn: (item: I, index: number) => O | PromiseLike<O>;
  private index = 0;

  constructor(upstream: Stage<I>, fn: (item: I, index: number) => O | PromiseLike<O>) {
    super(upstream);
    this.fn = fn;
  }

  protected call(item: I): O | PromiseLike<O> {
    const { fn } = this;
    return fn(item, this.index++);
  }

  protected apply(_item: I, result: O): O {
    return result;
  }
}
