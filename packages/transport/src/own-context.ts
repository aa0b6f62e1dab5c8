/**
 * On workerd every promise and every write belongs to the request in which it was made, and dies with it. A run is shared:
 * the request that made it may be over while another one reads it, and what the run hands to that reader within one call
 * would then be done in the name of the one that is over. So the reader is woken by a promise that it has made itself;
 * what follows runs in its own request.
 */
import { from, type Source } from '@chatkit/stream';

const isWorkerd = globalThis.navigator?.userAgent === 'Cloudflare-Workers';

/** A body that is read in the request that asked for it. Elsewhere there is no such thing, and no promise per item. */
export const inOwnContext: (body: Source<string>) => Source<string> = isWorkerd ? byPromises : (body) => body;

/** The same items, without the door by which two pipelines join into one. */
function byPromises(body: Source<string>): AsyncIterable<string> {
  const stream = from(body);
  return {
    [Symbol.asyncIterator]: () => ({ next: () => stream.next(), return: () => stream.return() }),
  };
}
