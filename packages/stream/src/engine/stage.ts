/**
 * The protocol between the stages of a pipeline. A stage is asked for items with `pull(sink)` and answers each pull
 * exactly once, now or later: with a chunk of items, with the end, or with an error. No promise is made between two
 * stages, and whatever is ready travels in one array, so the cost of the machinery is paid per chunk, not per item
 * and stage (docs/decisions/stream-engine.md has the numbers). Promises appear at the two edges only: `inlet.ts`
 * reads foreign iterables, `outlet.ts` is the async iterator that the user sees.
 */

/** Receives the answer to one pull. */
export interface Sink<T> {
  /** One or more items. The array belongs to the sink from here on: it may change it or keep it. */
  items(chunk: T[]): void;
  /** The stream is over; nothing follows. */
  done(): void;
  /** The stream broke; nothing follows. Every item that was made before has been delivered. */
  fail(error: unknown): void;
}

/** How a stream that still holds items will end. */
export type Ending = { readonly error: unknown } | 'done';

/** Cleanup that has been started: a promise if there is something to wait for, else nothing. */
export type Cleanup = Promise<void> | undefined;

/**
 * The key of the chunk protocol: a source that has this method is read by arrays of items instead of one by one. It is
 * a registered symbol, so other packages, and another copy of this one, can offer and use it.
 */
export const CHUNKS: unique symbol = Symbol.for('chatkit.stream.chunks') as never;

/** A source that can hand out what is ready as one array. */
export interface ChunkSource<T> {
  [CHUNKS](): AsyncIterator<readonly T[]>;
}

/** Takes answers that nobody wants any more. A closed stage answers to it, so that no late item can leak out. */
export const SILENT: Sink<unknown> = { items() {}, done() {}, fail() {} };

/**
 * One step of a pipeline. At most one pull is open at a time, and none after the end, an error or `close()`.
 * `sink` is the open pull's; it is `SILENT` when nobody waits.
 */
export abstract class Stage<T> {
  protected sink: Sink<T> = SILENT;

  /** Asks for the next items. The answer may arrive before this call returns. */
  abstract pull(sink: Sink<T>): void;

  /**
   * Stops everything above, in the same turn, whether or not a pull is open. An open pull is never answered; its owner
   * settles it. Returns what a caller may wait for. Calling it again does nothing.
   */
  abstract close(): Cleanup;

  protected get isWaited(): boolean {
    return this.sink !== SILENT;
  }

  // The three answers. The sink is let go first, because it may pull again before the call returns.

  protected answer(chunk: T[]): void {
    const sink = this.sink;
    this.sink = SILENT;
    sink.items(chunk);
  }

  protected answerDone(): void {
    const sink = this.sink;
    this.sink = SILENT;
    sink.done();
  }

  protected answerFail(error: unknown): void {
    const sink = this.sink;
    this.sink = SILENT;
    sink.fail(error);
  }

  protected answerEnding(ending: Ending): void {
    if (ending === 'done') this.answerDone();
    else this.answerFail(ending.error);
  }

  /** Closes on behalf of someone who does not own the open pull: to its owner it looks as if the sources had ended. */
  endFromOutside(): Cleanup {
    const { sink } = this;
    const cleanup = this.close();
    sink.done();
    return cleanup;
  }
}

/** Runs `then` once the cleanup has settled, whatever came of it; at once if there is none. */
export function afterCleanup(cleanup: Cleanup, then: (failure: { error: unknown } | undefined) => void): void {
  if (cleanup === undefined) then(undefined);
  else
    cleanup.then(
      () => then(undefined),
      (error) => then({ error }),
    );
}

/** Waits for several cleanups. All run to their end; then the one error is thrown, or an `AggregateError` of several. */
export function allCleanups(cleanups: readonly Cleanup[]): Cleanup {
  const open = cleanups.filter((cleanup) => cleanup !== undefined);
  if (open.length < 2) return open[0];
  return Promise.allSettled(open).then((results) => {
    const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, `${errors.length} sources failed to close`);
  });
}

/** Marks a promise as looked after, for cleanup that nobody may be made to wait for. */
export function ignoreCleanup(cleanup: Cleanup): void {
  cleanup?.catch(() => {});
}
