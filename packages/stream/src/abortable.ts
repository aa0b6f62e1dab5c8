/**
 * Ends a stream from outside, as an error.
 */

import { endable } from './engine/endable.ts';
import { operator } from './engine/outlet.ts';
import type { Operator } from './stream.ts';

/**
 * Fails with the very `signal.reason` as soon as the signal aborts, once, and closes the source in the same turn without
 * waiting for it. No item follows, also not of a chunk that had begun; so chunks come out of here item by item. A signal
 * that has aborted already means that the source is closed and never read. One listener per pipeline, attached with the
 * first `next()` and removed on every ending.
 *
 * @example
 * pipe(source, abortable(AbortSignal.timeout(5_000)), forEach(send));
 */
export function abortable<T>(signal: AbortSignal): Operator<T, T> {
  return operator((upstream) => endable(upstream, [signal], () => ({ error: signal.reason })));
}
