/**
 * The beginning of a stream.
 */

import { stageOf } from './engine/inlet.ts';
import { Linear } from './engine/linear.ts';
import { Outlet } from './engine/outlet.ts';
import type { Sink, Stage } from './engine/stage.ts';
import type { Operator } from './stream.ts';

/**
 * The first `count` items. The source is closed before the last of them is handed out, and is not read at all when
 * `count` is 0.
 *
 * @example
 * pipe(numbers, take(3), collect); // the source has been closed when this resolves
 */
export function take<T>(count: number): Operator<T, T> {
  return (source) => new Outlet(new TakeStage(stageOf(source), count));
}

class TakeStage<T> extends Linear<T, T> {
  private left: number;

  constructor(upstream: Stage<T>, count: number) {
    super(upstream);
    this.left = count;
  }

  override pull(sink: Sink<T>): void {
    if (this.left > 0) {
      super.pull(sink);
      return;
    }
    this.sink = sink;
    this.endEarly([], 'done');
  }

  override items(chunk: T[]): void {
    if (chunk.length < this.left) {
      this.left -= chunk.length;
      this.answer(chunk);
      return;
    }
    chunk.length = this.left;
    this.endEarly(chunk, 'done');
  }
}
