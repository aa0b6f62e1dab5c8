/**
 * A stage for a source that does not exist yet: a user's function makes it, synchronously or not, at the first pull.
 */

import type { Source } from '../stream.ts';
import { stageOf } from './inlet.ts';
import { ignoreCleanup, isPromiseLike, SILENT, type Sink, type Stage } from './stage.ts';

/**
 * Calls `make` at the first pull and then stands for the source that it returns or resolves to; if it throws or
 * rejects, the stream fails. A source that arrives after the stage was closed is closed too, even if `make` itself
 * closed the pipeline. A first pull with `SILENT` calls `make` but reads nothing yet.
 */
export function lateStage<T>(make: () => Source<T> | PromiseLike<Source<T>>): Stage<T> {
  let sink: Sink<T> = SILENT; // the open pull's, until the source is there
  let isClosed = false;

  const open = (made: Stage<T>): void => {
    stage = made;
    if (isClosed) ignoreCleanup(made.close());
    else if (sink !== SILENT) made.pull(sink);
  };
  const opened = (source: Source<T>): void => open(stageOf(source));
  const fail = (error: unknown): void => open({ pull: (to) => to.end({ error }), close() {} });

  const waiting: Stage<T> = {
    pull() {},
    close() {
      isClosed = true;
      sink.end();
    },
  };
  let stage: Stage<T> = {
    ...waiting,
    pull() {
      stage = waiting;
      try {
        const source = make();
        if (isPromiseLike(source)) source.then(opened).then(undefined, fail);
        else opened(source);
      } catch (error) {
        fail(error);
      }
    },
  };

  return {
    pull(to) {
      sink = to;
      stage.pull(to);
    },
    close: () => stage.close(),
  };
}
