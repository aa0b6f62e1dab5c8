/**
 * `abortable`: ends a stream with an error when an `AbortSignal` aborts.
 */

import { endable } from './engine/endable.ts';
import { operator } from './engine/outlet.ts';
import type { Operator } from './stream.ts';

/**
 * As soon as the signal aborts, the stream fails once, with `signal.reason` itself, and the source is closed in the
 * same turn, without waiting for its cleanup. Nothing follows, not even the rest of a chunk already begun; that is why
 * chunks leave this operator one item at a time. If the signal has already aborted, the source is closed without being
 * read. There is one listener per pipeline, attached at the first `next()` and removed however the stream ends.
 *
 * @example
 * pipe(source, abortable(AbortSignal.timeout(5_000)), forEach(send));
 */
export function abortable<T>(signal: AbortSignal): Operator<T, T> {
  return operator((upstream) => endable(upstream, [signal], () => ({ error: signal.reason })));
}
