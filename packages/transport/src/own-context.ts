/**
 * A workaround for workerd (Cloudflare Workers), where every promise and every write belongs to the request that made
 * it and dies with that request. A run is shared: the request that started it may be over while another request reads
 * it. An item handed to that reader synchronously would be processed in the context of the finished request. So here
 * the reader is woken by a promise that it made itself, and what follows runs in its own context.
 */
import { from, type Source } from '@chatkit/stream';

const isWorkerd = globalThis.navigator?.userAgent === 'Cloudflare-Workers';

/**
 * On workerd, the same body, but read in the context of the request that reads it. Elsewhere the body unchanged, which
 * saves a promise per item.
 */
export const inOwnContext: (body: Source<string>) => Source<string> = isWorkerd ? byPromises : (body) => body;

/** Hides the method by which two pipelines join into one, so that each item passes through a promise. */
function byPromises(body: Source<string>): AsyncIterable<string> {
  const stream = from(body);
  return {
    [Symbol.asyncIterator]: () => ({ next: () => stream.next(), return: () => stream.return() }),
  };
}
