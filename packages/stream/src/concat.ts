/**
 * Streams one after the other.
 */

import { stageOf } from './engine/inlet.ts';
import { Outlet } from './engine/outlet.ts';
import { afterCleanup, allCleanups, type Cleanup, SILENT, type Sink, Stage } from './engine/stage.ts';
import type { Source, Stream } from './stream.ts';

/**
 * The items of every source, in order. A source is opened when the one before has ended. An error of one, or closing
 * early, closes those that are left, the unopened ones, too.
 *
 * @example
 * concat(['data: start\n\n'], frames, ['data: [DONE]\n\n']);
 */
export function concat<T>(...sources: Source<T>[]): Stream<T> {
  return new Outlet(new ConcatStage(sources.map((source) => stageOf(source))));
}

class ConcatStage<T> extends Stage<T> implements Sink<T> {
  private stages: Stage<T>[];
  private isPulling = false;
  private isPulledAgain = false;

  constructor(stages: Stage<T>[]) {
    super();
    this.stages = stages;
  }

  pull(sink: Sink<T>): void {
    this.sink = sink;
    this.request();
  }

  close(): Cleanup {
    this.sink = SILENT;
    const { stages } = this;
    this.stages = [];
    return allCleanups(stages.map((stage) => stage.close()));
  }

  items(chunk: T[]): void {
    this.answer(chunk);
  }

  done(): void {
    this.stages.shift();
    this.request();
  }

  fail(error: unknown): void {
    const { sink } = this;
    this.stages.shift();
    afterCleanup(this.close(), () => sink.fail(error));
  }

  // A loop, because a source that has nothing ends inside `pull`.
  private request(): void {
    this.isPulledAgain = true;
    if (this.isPulling) return;
    this.isPulling = true;
    while (this.isPulledAgain) {
      this.isPulledAgain = false;
      const stage = this.stages[0];
      if (stage === undefined) this.answerDone();
      else stage.pull(this);
    }
    this.isPulling = false;
  }
}
