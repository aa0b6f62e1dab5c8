/**
 * The server on `node:http`, Express and Fastify: a Node request is shown to it as what it looks at of one, the reply
 * is written with backpressure. The client's going away aborts the request's signal, which is how a run learns that
 * nobody reads it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ChatKitError, isChatKitError } from '@chatkit/core';
import { type WriteReplyOptions, writeReply } from '@chatkit/transport/node';
import type { ChatKitServer } from '../chatkit-server.ts';
import { describeValue } from '../describe-value.ts';
import { errorReply } from '../error-reply.ts';
import type { ServerRequest } from '../server-request.ts';

/** What {@link toNodeHandler} can be told. */
export interface NodeHandlerOptions<Context, Asked extends IncomingMessage = IncomingMessage>
  extends Pick<WriteReplyOptions, 'compress' | 'stuckMs'> {
  /**
   * Who asks; `request` is the framework's, with what its middleware has put there. Its result reaches the store and
   * `respond()`. Not called for a browser's preflight. Throw `new ChatKitError('request.unauthorized', …)` to refuse
   * with 401. Default: `undefined`, the one user of a single-user program.
   */
  context?: ((request: Asked) => Context | Promise<Context>) | undefined;
}

/**
 * A request handler for Node. Mount it wherever the endpoint should be; it looks at the method, the headers, the body
 * and the query alone. A body that a framework has parsed already (`request.body`) is taken as it is; one that was read
 * and is not there is answered with 500, and `onError` hears why.
 *
 * @example
 * createServer(toNodeHandler(server)).listen(3000);
 * @example
 * app.all('/chatkit', toNodeHandler(server, { context: (request: express.Request) => ({ userId: request.user.id }) }));
 */
export const toNodeHandler = <Context, Asked extends IncomingMessage = IncomingMessage>(
  server: ChatKitServer<Context>,
  options: NodeHandlerOptions<Context, Asked> = {},
): ((request: Asked, response: ServerResponse) => Promise<void>) => {
  if (typeof server?.replyAs !== 'function') {
    throw new TypeError(
      `toNodeHandler() takes a server, what createChatKitServer() returns, not ${describeValue(server)}.`,
    );
  }
  return async (request, response) => {
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
      // What was not read of the body would be taken for the next request on the connection.
      if (!request.readableEnded && !request.destroyed) readOn(request);
    }
  };
};

/** How much of a refused body is read and thrown away, and for how long; then the connection is closed. */
const readOnBytes = 32 * 1024 * 1024;
const readOnMs = 30_000;

/**
 * Reads what is left of a body that was refused. Many clients and proxies send all of it before they look at the
 * answer: to close the connection at once would break it for them (`EPIPE`), and they would never learn why.
 */
const readOn = (request: IncomingMessage): void => {
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

const toServerRequest = (request: IncomingMessage, signal: AbortSignal): ServerRequest => {
  const { method = 'GET', headersDistinct: headers } = request;
  return {
    method,
    // The host is the client's word and decides nothing; only the query is read.
    url: `http://localhost/?${(request.url ?? '').split('?').slice(1).join('?')}`,
    headers: {
      get(name) {
        // HTTP/2 has pseudo headers; one of them says what `host` did.
        const values = headers[name] ?? (name === 'host' ? headers[':authority'] : undefined);
        return values?.join(', ') ?? null;
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
    // What a parser of a framework built may be deeper than the stack can follow.
    throw new ChatKitError('request.too_deep', 'The body is nested too deep.', { cause });
  }
};

const bodyOf = (request: IncomingMessage): AsyncIterable<Uint8Array> => {
  const { body } = request as { body?: unknown };
  if (request.readableEnded && body !== undefined) {
    if (body instanceof Uint8Array) return once(body);
    return once(Buffer.from(typeof body === 'string' ? body : toJson(body)));
  }
  if (request.readableEnded) return readElsewhere;
  // Not the message's own iterator: leaving that destroys the socket before a 413 has left.
  return { [Symbol.asyncIterator]: () => request.iterator({ destroyOnReturn: false }) };
};

/** Said where the body is looked at, so that it is an answer like any other. */
const readElsewhere: AsyncIterable<never> = {
  [Symbol.asyncIterator]() {
    throw new TypeError(
      'The body of the request has been read, and is not in `request.body`: mount the handler in front of what parses bodies, ' +
        'or hand it what was parsed, in Fastify `Object.assign(request.raw, { body: request.body })`.',
    );
  },
};

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
