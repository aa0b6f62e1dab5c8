/**
 * `interruptible`: ends a stream from outside, cleanly and without an error.
 */

import { endable } from './engine/endable.ts';
import { operator } from './engine/outlet.ts';
import type { Stage } from './engine/stage.ts';
import type { Source, Stream } from './stream.ts';

/** An operator with an off switch. */
export interface Interruptible {
  <T>(source: Source<T>): Stream<T>;
  /** Ends every stream made by this operator, past and future. Calling it again does nothing. */
  interrupt(): void;
}

/**
 * Ends the stream cleanly on `interrupt()`, or when the signal aborts: the source is closed in the same turn, without
 * waiting for its cleanup, and everything after this operator sees an ordinary end, so a batch, for example, hands out
 * what it holds. No item follows, not even from a chunk already begun. Put it directly after the source. To end with an
 * error instead, use `abortable`.
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
