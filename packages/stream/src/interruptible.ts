/**
 * Ends a stream from outside, as a clean end.
 */

import { endable } from './engine/endable.ts';
import { operator } from './engine/outlet.ts';
import type { Stage } from './engine/stage.ts';
import type { Source, Stream } from './stream.ts';

/** An operator with a switch. */
export interface Interruptible {
  <T>(source: Source<T>): Stream<T>;
  /** Ends every stream that went through this operator. Calling it again does nothing. */
  interrupt(): void;
}

/**
 * Ends the stream cleanly on `interrupt()`, or when the signal aborts: the source is closed in the same turn and not
 * waited for, and everything after this operator sees an ordinary end, so that batches and the like hand out what they
 * hold. No item follows, also not of a chunk that had begun. Put it right behind the source. For an error in place of an
 * end use `abortable`.
 *
 * @example
 * const stop = interruptible();
 * button.onclick = () => stop.interrupt();
 * await pipe(tokens, stop, batch({ maxItems: 10 }), forEach(save)); // the last, partial batch is saved, too
 */
export function interruptible(signal?: AbortSignal): Interruptible {
  const own = new AbortController();
  const signals = [own.signal, signal ?? own.signal];
  return Object.assign(
    operator(<T>(upstream: Stage<T>) => endable(upstream, signals)),
    { interrupt: () => own.abort() },
  ) as Interruptible;
}
