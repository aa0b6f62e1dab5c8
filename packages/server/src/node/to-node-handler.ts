/**
 * The server on `node:http`, Express and Fastify: a Node request becomes a web `Request`, the reply is written with
 * backpressure. The client's going away aborts the request's signal, which is how a run learns that nobody reads it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ChatKitError, isChatKitError } from '@chatkit/core';
import { type WriteReplyOptions, writeReply } from '@chatkit/transport/node';
import type { ChatKitServer } from '../chatkit-server.ts';
import { errorReply } from '../error-reply.ts';

export interface NodeHandlerOptions<Context> extends Pick<WriteReplyOptions, 'compress' | 'stuckMs'> {
  /**
   * Who asks. Its result reaches the store and `respond()`. Not called for a browser's preflight. Throw `new ChatKitError('request.unauthorized', …)` to
   * refuse with 401. Default: `undefined`, the one user of a single-user program.
   */
  context?: ((request: IncomingMessage) => Context | Promise<Context>) | undefined;
}

/**
 * A request handler for Node. Mount it wherever the endpoint should be; it looks at the method, the headers, the body
 * and the query alone. A body that a framework has parsed already (`request.body`) is taken as it is.
 *
 * @example
 * createServer(toNodeHandler(server)).listen(3000);
 * @example
 * app.all('/chatkit', toNodeHandler(server, { context: (request) => request.user }));
 */
export const toNodeHandler = <Context>(
  server: ChatKitServer<Context>,
  options: NodeHandlerOptions<Context> = {},
): ((request: IncomingMessage, response: ServerResponse) => Promise<void>) => {
  return async (request, response) => {
    const gone = new AbortController();
    let web: Request | undefined;
    response.once('close', () => {
      // Naming `web` here keeps it alive: its signal follows ours only as long as it is.
      if (!response.writableFinished && web?.signal.aborted !== true) gone.abort();
    });
    try {
      web = toRequest(request, gone.signal);
      const reply = await server.replyAs(web, () => options.context?.(request) as Context | Promise<Context>);
      await writeReply(reply, response, options);
    } catch (error) {
      if (!isChatKitError(error)) server.settings.onError(error, {});
      if (response.headersSent) response.destroy();
      else await writeReply(errorReply(error), response);
    } finally {
      // What was not read of the body would be taken for the next request on the connection.
      if (!request.readableEnded && !request.destroyed) leaveUnread(request, response);
    }
  };
};

const leaveUnread = (request: IncomingMessage, response: ServerResponse): void => {
  if (response.getHeader('connection') !== 'close') {
    request.resume();
    return;
  }
  if (response.writableFinished) request.destroy();
  else response.once('close', () => request.destroy());
};

const toRequest = (request: IncomingMessage, signal: AbortSignal): Request => {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headersDistinct)) {
    // HTTP/2 has pseudo headers, which are none, but for the one that says what `host` did.
    const known = name === ':authority' ? 'host' : name;
    if (value !== undefined && !known.startsWith(':')) headers.set(known, value.join(', '));
  }
  // Some methods cannot be put into a `Request`; all but these are refused with one answer.
  const method = ['GET', 'POST', 'OPTIONS'].includes(request.method ?? '') ? (request.method as string) : 'HEAD';
  const body = method === 'POST' ? bodyOf(request) : null;
  // The host is the client's word and decides nothing; only the query is read.
  const query = (request.url ?? '').split('?').slice(1).join('?');
  return new Request(`http://localhost/?${query}`, {
    method,
    headers,
    signal,
    body,
    ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
  } as RequestInit);
};

const toJson = (body: unknown): string => {
  try {
    return JSON.stringify(body);
  } catch (cause) {
    // What a parser of a framework built may be deeper than the stack can follow.
    throw new ChatKitError('request.too_deep', 'The body is nested too deep.', { cause });
  }
};

const bodyOf = (request: IncomingMessage): string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> => {
  const { body } = request as { body?: unknown };
  if (request.readableEnded && body !== undefined) {
    if (typeof body === 'string') return body;
    return body instanceof Uint8Array ? new Uint8Array(body) : toJson(body);
  }
  // Not `Readable.toWeb`: cancelling that destroys the socket before a 413 has left.
  const chunks = request.iterator({ destroyOnReturn: false });
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const step = await chunks.next();
          if (step.done === true) controller.close();
          else controller.enqueue(step.value);
        } catch (error) {
          controller.error(error);
        }
      },
      async cancel() {
        await chunks.return?.();
      },
    },
    { highWaterMark: 0 },
  );
};
