/**
 * The fastest of several streams.
 */

import { stageOf } from './engine/inlet.ts';
import { Outlet } from './engine/outlet.ts';
import { allCleanups, type Cleanup, ignoreCleanup, SILENT, type Sink, Stage } from './engine/stage.ts';
import type { Source, Stream } from './stream.ts';

/**
 * The source that answers first, be it with an item, its end or an error; the others are closed at that moment and not
 * waited for.
 *
 * @example
 * race(askModel('a'), askModel('b')); // a hedged request
 */
export function race<T>(...sources: Source<T>[]): Stream<T> {
  return new Outlet(new RaceStage(sources.map((source) => stageOf(source))));
}

class RaceStage<T> extends Stage<T> {
  private runners: Stage<T>[];
  private hasStarted = false;

  constructor(runners: Stage<T>[]) {
    super();
    this.runners = runners;
  }

  pull(sink: Sink<T>): void {
    if (this.hasStarted || this.runners.length === 0) {
      if (this.runners[0] === undefined) sink.done();
      else this.runners[0].pull(sink);
      return;
    }
    this.hasStarted = true;
    this.sink = sink;
    for (const runner of [...this.runners]) if (this.isWaited) runner.pull(this.finishLine(runner));
  }

  close(): Cleanup {
    this.sink = SILENT;
    return allCleanups(this.runners.map((runner) => runner.close()));
  }

  override endFromOutside(): Cleanup {
    return allCleanups(this.runners.map((runner) => runner.endFromOutside()));
  }

  private finishLine(winner: Stage<T>): Sink<T> {
    const win = () => {
      for (const runner of this.runners) if (runner !== winner) ignoreCleanup(runner.close());
      this.runners = [winner];
    };
    return {
      items: (chunk) => {
        win();
        this.answer(chunk);
      },
      done: () => {
        win();
        this.answerDone();
      },
      fail: (error) => {
        win();
        this.answerFail(error);
      },
    };
  }
}
