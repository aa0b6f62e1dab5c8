/**
 * The adapter for `node:http`, `node:http2`, Express and Fastify. It presents a Node request as the `ServerRequest` that the server
 * reads, and writes the reply with backpressure. When the client goes away it aborts the request's signal, which is how
 * a run learns that nobody reads it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { ChatKitError, isChatKitError } from '@chatkit/core';
import { type WriteReplyOptions, writeReply } from '@chatkit/transport/node';
import type { ChatKitServer } from '../chatkit-server.ts';
import { describeValue } from '../describe-value.ts';
import { errorReply } from '../error-reply.ts';
import type { ServerRequest } from '../server-request.ts';

/** A request of Node's, in either version of HTTP. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;

/** The options of {@link toNodeHandler}. */
export interface NodeHandlerOptions<Context, Asked extends NodeRequest = IncomingMessage>
  extends Pick<WriteReplyOptions, 'compress' | 'stuckMs'> {
  /**
   * Returns the context of a request, usually its user; it reaches the store and `respond()`. `request` is the
   * framework's, with what middleware has put on it. Not called for a CORS preflight. Throw `new
   * ChatKitError('request.unauthorized', …)` to refuse with 401, `'request.forbidden'` for 403, and
   * `'request.rate_limited'` for 429, with `{ details: { retryAfterMs } }` for `Retry-After`. Default: `undefined`, the
   * only user of a single-user program.
   */
  context?: ((request: Asked) => Context | Promise<Context>) | undefined;
}

/**
 * A request handler for Node. Mount it at any path; it looks only at the method, the headers, the body and the query. A
 * body that a framework has already parsed (`request.body`) is used as it is. If the body has been read and is not
 * there, the answer is 500, and `onError` gets the reason.
 *
 * @example
 * createServer(toNodeHandler(server)).listen(3000);
 * @example
 * app.all('/chatkit', toNodeHandler(server, { context: (request: express.Request) => ({ userId: request.user.id }) }));
 */
export const toNodeHandler = <Context, Asked extends NodeRequest = IncomingMessage>(
  server: ChatKitServer<Context>,
  options: NodeHandlerOptions<Context, Asked> = {},
): ((request: Asked, response: ServerResponse | Http2ServerResponse) => Promise<void>) => {
  if (typeof server?.replyAs !== 'function') {
    throw new TypeError(
      `toNodeHandler() takes a server, as createChatKitServer() returns, not ${describeValue(server)}.`,
    );
  }
  return async (request, to) => {
    // What is used of it, an HTTP/2 response has too.
    const response = to as ServerResponse;
    const gone = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) gone.abort();
    });
    try {
      const asked = toServerRequest(request, gone.signal);
      const reply = await server.replyAs(asked, () => options.context?.(request) as Context | Promise<Context>);
      await writeReply(reply, response, options);
    } catch (error) {
      if (!isChatKitError(error)) server.settings.onError(error, {});
      if (response.headersSent) response.destroy();
      else await writeReply(errorReply(error), response);
    } finally {
      // An unread rest of the body would be taken for the next request on the connection.
      if (!request.readableEnded && !request.destroyed) readOn(request);
    }
  };
};

/** How much of a refused body is read and discarded, and for how long, before the connection is closed. */
const readOnBytes = 32 * 1024 * 1024;
const readOnMs = 30_000;

/**
 * Reads and discards the rest of a body that was refused. Many clients and proxies send the whole body before they read
 * the response: if the connection were closed at once, they would fail with `EPIPE` and never see why.
 */
const readOn = (request: NodeRequest): void => {
  let bytes = 0;
  const timer = setTimeout(() => request.destroy(), readOnMs);
  timer.unref();
  request.once('close', () => clearTimeout(timer));
  request.on('data', (chunk: Uint8Array) => {
    bytes += chunk.byteLength;
    if (bytes > readOnBytes) request.destroy();
  });
  request.resume();
};

const toServerRequest = (request: NodeRequest, signal: AbortSignal): ServerRequest => {
  const { method = 'GET' } = request;
  // Node drops the second `host` or `content-type` of a request; only HTTP/1 can tell what was sent.
  const headers: NodeJS.Dict<string | string[]> =
    'headersDistinct' in request ? request.headersDistinct : request.headers;
  return {
    method,
    // A fixed host, because the client's cannot be trusted and only the query is read.
    url: `http://localhost/?${(request.url ?? '').split('?').slice(1).join('?')}`,
    headers: {
      get(name) {
        // HTTP/2 replaces `host` by the pseudo-header `:authority`.
        const values = headers[name] ?? (name === 'host' ? headers[':authority'] : undefined);
        return Array.isArray(values) ? values.join(', ') : (values ?? null);
      },
    },
    signal,
    body: method === 'POST' ? bodyOf(request) : null,
  };
};

const toJson = (body: unknown): string => {
  try {
    return JSON.stringify(body);
  } catch (cause) {
    // The framework's parser may have built something nested deeper than the stack allows.
    throw new ChatKitError('request.too_deep', 'The body is nested too deep.', { cause });
  }
};

const bodyOf = (request: NodeRequest): AsyncIterable<Uint8Array> => {
  const { body } = request as { body?: unknown };
  if (request.readableEnded && body !== undefined) {
    if (body instanceof Uint8Array) return once(body);
    return once(Buffer.from(typeof body === 'string' ? body : toJson(body)));
  }
  if (request.readableEnded) return readElsewhere;
  // Not the request's own iterator: leaving it early would destroy the socket before a 413 has been sent.
  return { [Symbol.asyncIterator]: () => request.iterator({ destroyOnReturn: false }) };
};

/** Throws when the body is read, so that the error becomes an ordinary error response. */
const readElsewhere: AsyncIterable<never> = {
  [Symbol.asyncIterator]() {
    throw new TypeError(
      'The body of the request has already been read and is not in `request.body`: mount the handler before the body parser, ' +
        'or pass on what it parsed, in Fastify `Object.assign(request.raw, { body: request.body })`.',
    );
  },
};

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
