/**
 * `race`: the source that answers first wins.
 */

import { stageOf } from './engine/inlet.ts';
import { outlet } from './engine/outlet.ts';
import { allCleanups, ignoreCleanup, SILENT, type Sink, type Stage } from './engine/stage.ts';
import type { Source, Stream } from './stream.ts';

/**
 * The stream of whichever source answers first, whether with an item, its end or an error. The others are closed at
 * that moment, without waiting for their cleanup.
 *
 * @example
 * race(askModel('a'), askModel('b')); // a hedged request
 */
export function race<T>(...sources: Source<T>[]): Stream<T>;
export function race<T extends unknown[]>(...sources: { [Nth in keyof T]: Source<T[Nth]> }): Stream<T[number]>;
export function race<T>(...sources: Source<T>[]): Stream<T> {
  let runners = sources.map(stageOf<T>);
  let hasStarted = false;

  /** The sink for one runner. The first runner to answer wins and the others are closed. */
  const finishLine = (winner: Stage<T>, sink: Sink<T>): Sink<T> => {
    const win = (): Sink<T> => {
      if (!runners.includes(winner)) return SILENT;
      const losers = runners;
      runners = [winner];
      for (const runner of losers) if (runner !== winner) ignoreCleanup(runner.close());
      return sink;
    };
    return {
      item: (value) => win().item(value),
      items: (chunk) => win().items(chunk),
      end: (failure) => win().end(failure),
    };
  };

  return outlet({
    pull(sink) {
      if (!runners[0]) return sink.end();
      if (hasStarted) return runners[0].pull(sink);
      hasStarted = true;
      for (const runner of runners) if (runners.includes(runner)) runner.pull(finishLine(runner, sink));
    },
    close: () => allCleanups(runners.map((runner) => runner.close())),
  });
}
