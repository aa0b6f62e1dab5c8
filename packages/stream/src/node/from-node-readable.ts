/**
 * A stream over Node's `Readable`.
 */

import type { Readable } from 'node:stream';
import { outlet } from '../engine/outlet.ts';
import { type Failure, SILENT, type Sink } from '../engine/stage.ts';
import type { Stream } from '../stream.ts';

/**
 * Reads `readable` by the chunk and destroys it on closing, also while a read is pending, which its own iterator cannot.
 * What was buffered before an error is delivered before it. A stream that is destroyed without an end is an error.
 *
 * @example
 * for await (const bytes of fromNodeReadable<Buffer>(request)) hash.update(bytes);
 */
export function fromNodeReadable<T>(readable: Readable): Stream<T> {
  let sink: Sink<T> = SILENT; // the open pull's
  let state: 'new' | 'open' | 'over' = 'new';
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
    if (sink === SILENT) return;
    if (state === 'over') return letGo().end();
    const chunk: T[] = [];
    if (!readable.destroyed) {
      for (let item = readable.read(); item !== null; item = readable.read()) chunk.push(item);
    }
    if (chunk.length > 0) letGo().items(chunk);
    else if (broken) end(broken);
    else if (readable.readableEnded) end();
    else if (readable.errored) end({ error: readable.errored });
    else if (readable.closed) end({ error: new Error('The stream was destroyed before its end') });
  };

  // From the start and for good, as an 'error' without a listener ends the process; it may come after the last read.
  readable.on('error', (error) => {
    broken = { error };
    serve();
  });

  return outlet({
    pull(to) {
      sink = to;
      if (state === 'new') {
        state = 'open';
        readable.on('readable', serve).on('end', serve).on('close', serve);
      }
      serve();
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
