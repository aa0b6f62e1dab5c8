/**
 * `fromNodeReadable`: a stream over Node's `Readable`.
 */

import type { Readable } from 'node:stream';
import { outlet } from '../engine/outlet.ts';
import { type Failure, MAX_CHUNK, SILENT, type Sink } from '../engine/stage.ts';
import { mustRest } from '../engine/time-budget.ts';
import type { Stream } from '../stream.ts';

/**
 * Reads `readable` by the chunk. Closing destroys it, even while a read is pending, which its own iterator cannot do.
 * Items buffered before an error are delivered before it. A `readable` that is destroyed before its end fails the
 * stream.
 *
 * @example
 * for await (const bytes of fromNodeReadable<Buffer>(request)) hash.update(bytes);
 */
export function fromNodeReadable<T>(readable: Readable): Stream<T> {
  let sink: Sink<T> = SILENT; // the open pull's
  let state: 'new' | 'open' | 'resting' | 'over' = 'new'; // 'resting': has yielded to the event loop
  let given = 0; // how many items the last chunk had
  let broken: Failure | undefined;

  const letGo = (): Sink<T> => {
    const to = sink;
    sink = SILENT;
    return to;
  };

  const detach = (): void => {
    state = 'over';
    readable.off('readable', serve).off('end', serve).off('close', serve);
  };

  const end = (failure?: Failure): void => {
    detach();
    letGo().end(failure);
  };

  const serve = (): void => {
    if (sink === SILENT || state === 'resting') return;
    if (state === 'over') return letGo().end();
    const chunk: T[] = [];
    const read = (): T | null => (readable.destroyed || chunk.length >= MAX_CHUNK ? null : readable.read());
    for (let item = read(); item !== null; item = read()) chunk.push(item);
    given = chunk.length;
    if (chunk.length > 0) letGo().items(chunk);
    else if (broken) end(broken);
    else if (readable.readableEnded) end();
    else if (readable.errored) end({ error: readable.errored });
    else if (readable.closed) end({ error: new Error('The Readable was destroyed before it ended') });
  };

  // Attached at once and never removed: an 'error' without a listener ends the process, and may come after the last
  // read.
  readable.on('error', (error) => {
    broken = { error };
    serve();
  });

  const goOn = (): void => {
    if (state !== 'resting') return;
    state = 'open';
    serve();
  };

  return outlet({
    pull(to) {
      sink = to;
      if (state === 'new') {
        state = 'open';
        readable.on('readable', serve).on('end', serve).on('close', serve);
      }
      if (state === 'open' && mustRest(given, goOn)) state = 'resting';
      else serve();
    },
    close() {
      if (state === 'over') return undefined;
      detach();
      letGo().end();
      if (readable.destroyed) return undefined;
      return new Promise((resolve) => {
        readable
          .once('error', () => {})
          .once('close', resolve)
          .destroy();
      });
    },
  });
}
