import { describeValue } from './describe-value.ts';

/**
 * The part of a request that a server reads. A web `Request` is one. An adapter for a runtime without web requests
 * passes an object of its own, because making a `Request` with its headers, signal and stream would be a fifth of the
 * cost of beginning and ending a run.
 */
export interface ServerRequest {
  readonly method: string;
  /** Absolute. Only its query is read. */
  readonly url: string;
  /** Called with lower-case names. */
  readonly headers: { get(name: string): string | null };
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
  /** Read at most once, and not always to its end. */
  readonly body: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | null;
}

/** Whether `request` is one: a framework's request object may be something else. */
export const isServerRequest = (request: unknown): request is ServerRequest =>
  typeof (request as Partial<ServerRequest> | null | undefined)?.headers?.get === 'function';

/** The error about a value that is not a request. */
export const noRequest = (given: unknown): TypeError =>
  new TypeError(
    `handle() takes a web \`Request\`, not ${describeValue(given)}. For node:http, Express and Fastify there is toNodeHandler() of @chatkit/server/node; in Hono the request is \`c.req.raw\`.`,
  );

/** Whether the client asked for the extensions. */
export const optedIn = (request: ServerRequest): boolean => request.headers.get('chatkit-client') === '1';
