/**
 * The protocol between the stages of a pipeline. A stage is asked for items with `pull(sink)` and answers each pull
 * exactly once, now or later: with an item, with a chunk of items, or with the end. No promise is made between two
 * stages, and what is ready together travels in one array (docs/decisions/stream-engine.md has the numbers). Promises
 * appear at the two edges only: `inlet.ts` reads foreign iterables, `outlet.ts` is the async iterator that the user sees.
 */

/** Why a stream broke. A box, because `undefined` may be thrown, too. */
export interface Failure {
  readonly error: unknown;
}

/** Receives the answer to one pull. */
export interface Sink<T> {
  /** One item. */
  item(value: T): void;
  /** One or more items. The array belongs to the sink from here on: it may change it or keep it. */
  items(chunk: T[]): void;
  /** Nothing follows: the stream is over, or broke behind the last item. */
  end(failure?: Failure): void;
}

/** Cleanup that has been started: a promise if there is something to wait for, else nothing. */
export type Cleanup = Promise<void> | undefined;

/** One step of a pipeline. */
export interface Stage<T> {
  /**
   * Asks for the next items. The answer may arrive before this call returns. At most one pull is open at a time, and
   * none follows an end; one that follows `close()` is answered with an end. A stage that answers at once must not be driven into recursion by a sink that pulls
   * inside its answer: the sources (`inlet`, `queue` and the like) answer such a pull in a loop, the others pass it up.
   */
  pull(sink: Sink<T>): void;
  /**
   * Stops everything above, in the same turn, whether or not a pull is open; an open one is answered with a clean end.
   * Returns what a caller may wait for. Calling it again does nothing.
   */
  close(): Cleanup;
}

/**
 * The key of the chunk protocol: a source that has this method is read by arrays of items instead of one by one. It is
 * a registered symbol, so other packages, and another copy of this one, can offer and use it.
 */
export const CHUNKS: unique symbol = Symbol.for('chatkit.stream.chunks') as never;

/** A source that can hand out what is ready as one array. */
export interface ChunkSource<T> {
  [CHUNKS](): AsyncIterator<readonly T[]>;
}

/** The most items that a source hands out at a time, so that the stages behind it need not count. */
export const MAX_CHUNK = 256;

/** Takes answers that nobody wants any more. */
export const SILENT: Sink<unknown> = { item() {}, items() {}, end() {} };

/** Runs `then` once the cleanup has settled, with its error if there was one; at once if there is nothing to wait for. */
export function afterCleanup(cleanup: Cleanup, then: (failure?: Failure) => void): void {
  if (cleanup) {
    cleanup.then(
      () => then(),
      (error) => then({ error }),
    );
  } else then();
}

/** Waits for several cleanups. All run to their end; then the one error is thrown, or an `AggregateError` of several. */
export function allCleanups(cleanups: readonly Cleanup[]): Cleanup {
  const open = cleanups.filter((cleanup) => cleanup);
  if (open.length < 2) return open[0];
  return Promise.allSettled(open).then((results) => {
    const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    if (errors.length > 0) throw errors.length > 1 ? new AggregateError(errors, 'Cleanups failed') : errors[0];
  });
}

/** Marks a promise as looked after, for cleanup that nobody may be made to wait for. */
export function ignoreCleanup(cleanup: Cleanup): void {
  cleanup?.catch(() => {});
}

/** Whether a user's function went async. */
export function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && typeof (value as Partial<PromiseLike<T>> | null)?.then === 'function';
}
