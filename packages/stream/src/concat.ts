/**
 * Streams one after the other.
 */

import { stageOf } from './engine/inlet.ts';
import { outlet } from './engine/outlet.ts';
import { afterCleanup, allCleanups, type Cleanup, SILENT, type Sink, type Stage } from './engine/stage.ts';
import type { Source, Stream } from './stream.ts';

/**
 * The items of every source, in order. A source is opened when the one before has ended. An error of one, or closing
 * early, closes those that are left, the unopened ones, too.
 *
 * @example
 * concat(['data: start\n\n'], frames, ['data: [DONE]\n\n']);
 */
export function concat<T>(...sources: Source<T>[]): Stream<T> {
  return outlet(concatStage(sources.map(stageOf<T>)));
}

/** The stage of `concat`. */
export function concatStage<T>(stages: Stage<T>[]): Stage<T> {
  let sink: Sink<T> = SILENT;
  let isAsking = false;
  let wantsMore = false;

  /** Asks the first; a loop, because a source that has nothing ends inside `pull`. */
  const ask = (): void => {
    wantsMore = true;
    if (isAsking) return;
    isAsking = true;
    while (wantsMore && stages[0]) {
      wantsMore = false;
      stages[0].pull(answers);
    }
    isAsking = false;
    if (wantsMore) sink.end(); // nothing is left; not so if the last one failed and others are being closed
  };

  const close = (): Cleanup => allCleanups(stages.splice(0).map((stage) => stage.close()));

  const answers: Sink<T> = {
    item: (value) => sink.item(value),
    items: (chunk) => sink.items(chunk),
    end(failure) {
      if (stages.length === 0) return sink.end(); // closed
      stages.shift();
      if (failure) afterCleanup(close(), () => sink.end(failure));
      else ask();
    },
  };

  return {
    pull(to) {
      sink = to;
      ask();
    },
    close,
  };
}
