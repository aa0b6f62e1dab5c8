/**
 * Bridges to and from the web's `ReadableStream`.
 */

import { CHUNKS, type ChunkSource } from './engine/stage.ts';
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
  const chunks = (from(source) as unknown as ChunkSource<T>)[CHUNKS]() as Stream<readonly T[]>;
  return new ReadableStream<T>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else for (const item of value) controller.enqueue(item);
      },
      async cancel() {
        await chunks.return();
      },
    },
    { highWaterMark: 0 },
  );
}
