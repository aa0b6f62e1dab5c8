/**
 * The protocol between the stages of a pipeline. A stage is asked for items with `pull(sink)` and answers each pull
 * exactly once, synchronously or later: with an item, a chunk of items, or the end. No promises are made between
 * stages, and items that are ready together travel in one array (docs/decisions/stream-engine.md has the numbers).
 * Promises appear only at the two edges: `inlet.ts`, which reads foreign iterables, and `outlet.ts`, the async iterator
 * that the user sees.
 */

/** Why a stream failed. A wrapper, because even `undefined` can be thrown. */
export interface Failure {
  readonly error: unknown;
}

/** The end of a stream: because of the failure, or else because all has been said. */
export interface Ending {
  readonly failure?: Failure | undefined;
}

/** Receives the answer to one pull. */
export interface Sink<T> {
  /** One item. */
  item(value: T): void;
  /** One or more items. From here on the array belongs to the sink, which may change or keep it. */
  items(chunk: T[]): void;
  /** Nothing follows: the stream has ended, or failed after the last item. */
  end(failure?: Failure): void;
}

/** Cleanup that has been started: a promise if there is something to wait for, else nothing. */
export type Cleanup = Promise<void> | undefined;

/** One step of a pipeline. */
export interface Stage<T> {
  /**
   * Asks for the next items. The answer may arrive before this call returns. At most one pull is open at a time, and
   * none follows an end; one that follows `close()` is answered with an end. A sink may pull again inside an answer,
   * and that must not recurse without bound: stages that can answer synchronously (the inlet, the pump, `merge`, the
   * hub) serve such a pull in a loop, the others pass it upstream.
   */
  pull(sink: Sink<T>): void;
  /**
   * Stops this stage and everything upstream, in the same turn, whether or not a pull is open; an open pull is answered
   * with a clean end. Returns the cleanup, which the caller may await. Calling it again does nothing.
   */
  close(): Cleanup;
}

/**
 * The key of the chunk protocol: a source with this method is read as arrays of items instead of one by one. It is a
 * registered symbol, so other packages, and other copies of this one, can offer and use it.
 */
export const CHUNKS: unique symbol = Symbol.for('chatkit.stream.chunks') as never;

/** A source that can hand out all ready items as one array. */
export interface ChunkSource<T> {
  [CHUNKS](): AsyncIterator<readonly T[]>;
}

/** The most items that a source hands out at a time, so that the stages after it need not count. */
export const MAX_CHUNK = 256;

/** Swallows answers that nobody wants any more. Also marks "no pull is open". */
export const SILENT: Sink<unknown> = { item() {}, items() {}, end() {} };

/** Runs `then` once the cleanup has settled, with its error if it failed; at once if there is nothing to wait for. */
export function afterCleanup(cleanup: Cleanup, then: (failure?: Failure) => void): void {
  if (cleanup) {
    cleanup.then(
      () => then(),
      (error) => then({ error }),
    );
  } else then();
}

/**
 * Waits for several cleanups. All are left to finish; then a single error is thrown as it is, several as an
 * `AggregateError`.
 */
export function allCleanups(cleanups: readonly Cleanup[]): Cleanup {
  const open = cleanups.filter((cleanup) => cleanup);
  if (open.length < 2) return open[0];
  return Promise.allSettled(open).then((results) => {
    const errors = results.flatMap((result) => ('reason' in result ? [result.reason] : []));
    if (errors.length > 0) throw errors.length > 1 ? new AggregateError(errors, 'Cleanups failed') : errors[0];
  });
}

/** For cleanup that nobody may be made to wait for: an error in it must not become an unhandled rejection. */
export function ignoreCleanup(cleanup: Cleanup): void {
  cleanup?.catch(() => {});
}

/** Whether the result of a user's function must be awaited. */
export function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && typeof (value as Partial<PromiseLike<T>> | null)?.then === 'function';
}
