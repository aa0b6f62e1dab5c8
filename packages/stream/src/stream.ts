/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The types of a pipeline: what goes in (`Source`), what comes out (`Stream`), and a step in between (`Operator`).
 */

import { RELEASE, type Releasable, stageOf } from './engine/inlet.ts';
import { outlet } from './engine/outlet.ts';

/** Anything that items can be read from. A source is read once, by one reader. */
export type Source<T> = AsyncIterable<T> | Iterable<T> | ReadableStream<T>;

/**
 * An async iterator to be read once, by one reader. Nothing is pulled before the first `next()`. `return()`, `break`
 * and `await using` close it at any time: pending `next()` calls settle as done, and every open source is told to stop,
 * all in the same turn.
 */
export interface Stream<T> extends AsyncDisposable {
  [Symbol.asyncIterator](): Stream<T>;
  next(): Promise<IteratorResult<T, undefined>>;
  return(value?: unknown): Promise<IteratorResult<T, undefined>>;
  throw(error?: unknown): Promise<IteratorResult<T, undefined>>;
}

/** A step of a pipeline: `map(fn)`, `batch({…})` and so on, or any function of this shape. */
export type Operator<I, O> = (source: Source<I>) => Stream<O>;

/**
 * A stream over any source.
 *
 * @example
 * const stream = from(response.body);
 */
export function from<T>(source: Source<T>): Stream<T> {
  return (source as Partial<Releasable<T>>)[RELEASE] ? (source as Stream<T>) : outlet(stageOf(source));
}
