import { describeValue } from './describe-value.ts';

/**
 * What a server looks at of a request. A web `Request` is one; an adapter for a runtime that has none hands over an
 * object of its own, because a `Request` with its headers, its signal and its stream is a fifth of what a run's
 * beginning and end cost.
 */
export interface ServerRequest {
  readonly method: string;
  /** Absolute. Only its query is looked at. */
  readonly url: string;
  /** By names in lower case. */
  readonly headers: { get(name: string): string | null };
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
  /** Read at most once, and perhaps not to its end. */
  readonly body: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | null;
}

/** Whether it is one: what a framework calls a request may be something else. */
export const isServerRequest = (request: unknown): request is ServerRequest =>
  typeof (request as Partial<ServerRequest> | null | undefined)?.headers?.get === 'function';

/** The error about something else. */
export const noRequest = (given: unknown): TypeError =>
  new TypeError(
    `handle() takes a web \`Request\`, not ${describeValue(given)}. For node:http, Express and Fastify there is toNodeHandler() of @chatkit/server/node; in Hono the request is \`c.req.raw\`.`,
  );

/** Whether the client asked for the extensions. */
export const optedIn = (request: ServerRequest): boolean => request.headers.get('chatkit-client') === '1';
