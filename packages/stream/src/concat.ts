/**
 * `concat`: reads several sources one after another.
 */

import { stageOf } from './engine/inlet.ts';
import { outlet } from './engine/outlet.ts';
import { afterCleanup, allCleanups, type Cleanup, SILENT, type Sink, type Stage } from './engine/stage.ts';
import type { Source, Stream } from './stream.ts';

/**
 * The items of every source, in order. Each source is opened when the one before it has ended. An error, or closing
 * early, closes all remaining sources, including those not opened yet.
 *
 * @example
 * concat(['data: start\n\n'], frames, ['data: [DONE]\n\n']);
 */
export function concat<T>(...sources: Source<T>[]): Stream<T>;
export function concat<T extends unknown[]>(...sources: { [Nth in keyof T]: Source<T[Nth]> }): Stream<T[number]>;
export function concat<T>(...sources: Source<T>[]): Stream<T> {
  return outlet(concatStage(sources.map(stageOf<T>)));
}

/** The stage of `concat`. */
export function concatStage<T>(stages: Stage<T>[]): Stage<T> {
  let sink: Sink<T> = SILENT;
  let isAsking = false;
  let wantsMore = false;

  /** Pulls the first remaining stage. In a loop, because an empty source answers with its end inside `pull`. */
  const ask = (): void => {
    wantsMore = true;
    if (isAsking) return;
    isAsking = true;
    while (wantsMore && stages[0]) {
      wantsMore = false;
      stages[0].pull(answers);
    }
    isAsking = false;
    if (wantsMore) sink.end(); // no stage is left; not reached if one failed and the others are being closed
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
