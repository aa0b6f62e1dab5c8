/**
 * The outer edge: the async iterator that the user sees. It asks the last stage for items and serves `next()` from
 * them. `return()` works at any time: every pending `next()` settles as done and every open source is told, in the same
 * turn. Several `next()` may be pending; they settle in the order of the calls.
 */

import type { Source, Stream } from '../stream.ts';
import { RELEASE, type Releasable, stageOf } from './inlet.ts';
import { CHUNKS, type ChunkSource, type Sink, type Stage } from './stage.ts';

type Result<T> = IteratorResult<T, undefined>;
type Settle<T> = (result: Result<T>) => void;
type Reject = (error: unknown) => void;

const busy = () => new TypeError('This stream is being read by another one');
const DONE: IteratorReturnResult<undefined> = Object.freeze({ value: undefined, done: true });
const OVER: Stage<never> = { pull: (to) => to.end(), close() {} };

/** Falls back as compilers do for `await using`, for runtimes that lack the symbol. */
export const asyncDispose: typeof Symbol.asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

/** The operator that puts a stage behind its source. */
export function operator<I, O>(behind: (upstream: Stage<I>) => Stage<O>): (source: Source<I>) => Stream<O> {
  return (source) => outlet(behind(stageOf(source)));
}

/** The stream that reads a stage. */
export function outlet<T>(stage: Stage<T>): Stream<T> {
  // The chunk being served, and the place of its next item.
  let chunk: T[] = [];
  let at = 0;
  // The oldest pending next(), and those behind it.
  let resolve: Settle<T> | undefined;
  let reject: Reject;
  const queue: [Settle<T>, Reject][] = [];
  // What came while next() was asking. A promise that has to wait is made afterwards: asking inside of its constructor
  // would keep the engine from compiling the pipeline into next().
  let answer: Promise<Result<T>> | undefined;
  let isServing = false;
  let isReleased = false;
  let cleanup: Promise<void> | undefined;

  // `value` before `done`: the loop that reads the result is a tenth faster then.
  const take = (): Result<T> => ({ value: chunk[at++] as T, done: false });

  const fulfil = (result: Result<T>): void => {
    answer = Promise.resolve(result);
  };
  const fail = (error: unknown): void => {
    answer = Promise.reject(error);
  };

  /** Makes a call the oldest pending one. */
  const wait = (to: Settle<T>, orTo: Reject): void => {
    resolve = to;
    reject = orTo;
  };

  const ask = (to: Settle<T>, orTo: Reject): void => {
    wait(to, orTo);
    stage.pull(sink);
  };

  /** Settles the oldest pending call, if the answer is not too late, then those behind it that need not wait. */
  const settle = (result: Result<T>): void => {
    resolve?.(result);
    resolve = undefined;
    if (isServing || queue.length === 0) return;
    isServing = true;
    while (queue.length > 0 && !resolve) {
      const next = queue.shift() as [Settle<T>, Reject];
      if (at < chunk.length) next[0](take());
      else ask(...next);
    }
    isServing = false;
  };

  const sink: Sink<T> = {
    item: (value) => settle({ value, done: false }),
    items(more) {
      if (!resolve) return;
      chunk = more;
      at = 0;
      settle(take());
    },
    end(failure) {
      stage = OVER;
      if (failure && resolve) {
        reject(failure.error);
        resolve = undefined;
      }
      settle(DONE);
    },
  };

  /** Gives the rest of the stream away to a pipeline that goes on from here. It can only be closed from here then. */
  const release = (): Stage<T> => {
    if (isReleased || resolve) throw busy();
    isReleased = true;
    let rest = chunk.slice(at);
    if (rest.length === 0) return stage;
    return {
      pull(to) {
        const held = rest;
        rest = [];
        if (held.length > 0) to.items(held);
        else stage.pull(to);
      },
      close: stage.close,
    };
  };

  /** Closes the pipeline; later calls return the same promise. */
  const close = (): Promise<void> => {
    if (!cleanup) {
      const open = stage;
      chunk = [];
      if (!isReleased) sink.end();
      cleanup = open.close() ?? Promise.resolve();
    }
    return cleanup;
  };

  const stream: Stream<T> & Releasable<T> & ChunkSource<T> = {
    [Symbol.asyncIterator]: () => stream,
    next() {
      if (isReleased) return Promise.reject(busy());
      if (resolve) return new Promise((...call) => queue.push(call));
      if (at < chunk.length) return Promise.resolve(take());
      answer = undefined;
      ask(fulfil, fail);
      return answer ?? new Promise(wait);
    },
    return: (value?: unknown) => close().then(() => ({ value, done: true }) as IteratorReturnResult<undefined>),
    async throw(error?: unknown) {
      await close().catch(() => {});
      throw error;
    },
    [asyncDispose]: close,
    [RELEASE]: release,
    // The same stream by chunks: what is ready at one time, as one array.
    [CHUNKS]() {
      const inner = release();
      return outlet<T[]>({
        pull: (to) => inner.pull({ item: (value) => to.item([value]), items: to.item, end: to.end }),
        close: inner.close,
      });
    },
  };
  return stream;
}
