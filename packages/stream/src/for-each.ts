/**
 * `forEach`: reads a stream to its end and calls a function for each item.
 */

import { stageOf } from './engine/inlet.ts';
import { afterCleanup, isPromiseLike, type Sink } from './engine/stage.ts';
import type { Source } from './stream.ts';

/**
 * Calls `fn` for every item; the promise resolves at the end of the stream and rejects with its error. A promise that
 * `fn` returns is awaited before the next item, which holds the source back. If `fn` throws, the source is closed and
 * its cleanup awaited before the promise rejects. This is the fastest way to read: items that are ready together cost
 * no promise each. To stop from outside, put `abortable(signal)` or `interruptible(signal)` before it.
 *
 * @example
 * await pipe(tokens, map(encode), forEach((frame) => socket.send(frame)));
 */
export function forEach<T>(fn: (item: T, index: number) => unknown): (source: Source<T>) => Promise<void> {
  return (source) =>
    new Promise((resolve, reject) => {
      const stage = stageOf(source);
      let index = 0;

      const fail = (error: unknown): void => afterCleanup(stage.close(), () => reject(error));

      /** Works through the chunk, starting at `at`, then asks for more. */
      const work = (chunk: T[], at: number): void => {
        try {
          while (at < chunk.length) {
            const result = fn(chunk[at++] as T, index++);
            if (isPromiseLike(result)) return void result.then(work.bind(undefined, chunk, at), fail);
          }
        } catch (error) {
          return fail(error);
        }
        stage.pull(sink);
      };

      const sink: Sink<T> = {
        item: (value) => work([value], 0),
        items: (chunk) => work(chunk, 0),
        end(failure) {
          if (failure) reject(failure.error);
          else resolve();
        },
      };
      stage.pull(sink);
    });
}
