/**
 * `toNodeReadable`: Node's `Readable` over any source.
 */

import { Readable } from 'node:stream';
import { stageOf } from '../engine/inlet.ts';
import { afterCleanup, type Failure, type Sink } from '../engine/stage.ts';
import type { Source } from '../stream.ts';

/** Options of `toNodeReadable`. */
export interface ToNodeReadableOptions {
  /** Whether items may be any values; with false, they must be strings or buffers. Default true. */
  objectMode?: boolean | undefined;
}

/**
 * A `Readable` that pulls only when it is read and has nothing left, so backpressure reaches the source and an error
 * cannot overtake the items before it. A `null` item is an error, as with `Readable.from`. Destroying it closes the
 * source and waits for its cleanup.
 *
 * @example
 * toNodeReadable(pipe(frames, map(encode)), { objectMode: false }).pipe(response);
 */
export function toNodeReadable<T>(source: Source<T>, { objectMode = true }: ToNodeReadableOptions = {}): Readable {
  const stage = stageOf(source);
  let broken: Failure | undefined; // set by a null item; thrown after what was pushed last
  const readable: Readable = new Readable({
    objectMode,
    highWaterMark: 1, // asks for more only when the last item has been taken
    read: () => (broken ? sink.end(broken) : stage.pull(sink)),
    destroy: (error, callback) => {
      afterCleanup(stage.close(), (failure) => callback(error ?? (failure?.error as Error | undefined) ?? null));
    },
  });
  const sink: Sink<T> = {
    item: (value) => sink.items([value]),
    items(chunk) {
      const whole = chunk.indexOf(null as T);
      if (whole >= 0) broken = { error: new TypeError('A Readable cannot carry null, which would end it') };
      if (whole === 0) return sink.end(broken);
      for (const item of whole < 0 ? chunk : chunk.slice(0, whole)) readable.push(item);
    },
    end(failure) {
      if (!failure) readable.push(null);
      // A tick later; otherwise the item that the current read() is about to return would be lost.
      else process.nextTick(() => readable.destroy(failure.error as Error));
    },
  };
  return readable;
}
