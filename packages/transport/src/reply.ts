/** What a server answers, before a runtime gives it its own form: `toResponse` for fetch, `writeReply` for Node. */

/** A status, headers and a body of text. */
export interface Reply {
  /** HTTP status code. */
  status: number;
  /** Names in lower case. They are sent as they are: never copy a client's headers in here. */
  headers: Record<string, string>;
  /**
   * The whole text, or a stream of it, or nothing. Each chunk of a stream is one or more whole frames; chunks that are
   * ready at the same time leave together. The iterator is returned when the client goes away.
   */
  body: string | AsyncIterable<string> | null;
}

/** The headers of every event stream: nothing on the way may store, change or hold it back, or guess its type. */
export const eventStreamHeaders: Readonly<Record<string, string>> = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
  'x-content-type-options': 'nosniff',
};
