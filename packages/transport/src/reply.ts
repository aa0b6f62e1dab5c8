/**
 * A server's answer, independent of the runtime: `toResponse` turns it into a web `Response`, `writeReply` writes it
 * with Node.
 */

/** A status, headers and a body of text. */
export interface Reply {
  /** HTTP status code. */
  status: number;
  /** Lower-case names. Sent unchecked: never copy a client's headers in here. */
  headers: Record<string, string>;
  /**
   * The whole text, a stream of it, or nothing. Each chunk of a stream is one or more whole frames; chunks that are
   * ready at the same time leave together. When the client goes away, the iterator's `return()` is called.
   */
  body: string | AsyncIterable<string> | null;
}

/**
 * The headers of every event stream: nothing between server and client may store, change or delay it, or guess its
 * type.
 */
export const eventStreamHeaders: Readonly<Record<string, string>> = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
  'x-content-type-options': 'nosniff',
};
