/**
 * Bridges to and from the web's `ReadableStream`.
 */

import { stageOf } from './engine/inlet.ts';
import { from, type Source, type Stream } from './stream.ts';

/**
 * A stream over a `ReadableStream`. It uses a reader, so that closing works while a read is pending: the reader is
 * cancelled and its lock released. Every operator accepts a `ReadableStream` directly; this is for reading one without
 * operators.
 *
 * @example
 * const bytes = fromReadableStream(response.body);
 */
export function fromReadableStream<T>(readable: ReadableStream<T>): Stream<T> {
  return from(readable);
}

/**
 * A `ReadableStream` over any source. It pulls only when it is read, never ahead, so backpressure reaches the source
 * and an error cannot overtake the items before it. A chunk of ready items is enqueued whole. `cancel()` closes the
 * source and waits for its cleanup.
 *
 * @example
 * return new Response(toReadableStream(pipe(frames, map((frame) => encoder.encode(frame)))));
 */
export function toReadableStream<T>(source: Source<T>): ReadableStream<T> {
  const stage = stageOf(source);
  let isCancelled = false;
  return new ReadableStream<T>(
    {
      pull: (controller) =>
        new Promise<void>((resolve) => {
          stage.pull({
            item(value) {
              this.items([value]);
            },
            items(chunk) {
              for (const item of chunk) controller.enqueue(item);
              resolve();
            },
            end(failure) {
              if (failure) controller.error(failure.error);
              else if (!isCancelled) controller.close();
              resolve();
            },
          });
        }),
      cancel() {
        isCancelled = true;
        return stage.close();
      },
    },
    { highWaterMark: 0 },
  );
}
