/**
 * The outer edge: the async iterator that the user sees. It asks the last stage for items and serves `next()` from
 * them. `return()` works at any time: every pending `next()` settles as done and every open source is told, in the same
 * turn. Several `next()` may be pending; they settle in the order of the calls.
 */

import type { Source, Stream } from '../stream.ts';
import { RELEASE, type Releasable, stageOf } from './inlet.ts';
import { CHUNKS, type ChunkSource, type Failure, type Sink, type Stage } from './stage.ts';
import { inNextTurn, isOverBudget } from './time-budget.ts';

type Result<T> = IteratorResult<T, undefined>;
type Settle<T> = (result: Result<T>) => void;
type Reject = (error: unknown) => void;

const BUSY = 'This stream is being read by another one';
const DONE: IteratorReturnResult<undefined> = Object.freeze({ value: undefined, done: true });

/** Falls back as compilers do for `await using`, for runtimes that lack the symbol. */
export const asyncDispose: typeof Symbol.asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

/** The operator that puts a stage behind its source. */
export function operator<I, O>(behind: (upstream: Stage<I>) => Stage<O>): (source: Source<I>) => Stream<O> {
  return (source) => outlet(behind(stageOf(source)));
}

/** The stream that reads a stage. */
export function outlet<T>(stage: Stage<T>): Stream<T> {
  // 'ready': there is a chunk to serve from. 'asking': in a call of `stage.pull`. 'waiting': a next() is pending.
  let state: 'idle' | 'ready' | 'asking' | 'waiting' | 'released' | 'over' = 'idle';
  // The chunk being served, and the place of its next item.
  let chunk: T[] = [];
  let at = 0;
  // The oldest pending next(), and those behind it.
  let resolve: Settle<T>;
  let reject: Reject;
  let queue: [Settle<T>, Reject][] = [];
  // What the stage answered within the call.
  let answer: Promise<Result<T>> = Promise.resolve(DONE);
  let cleanup: Promise<void> | undefined;
  let isServing = false;
  let servedSinceCheck = 0;

  const executor = (settle: Settle<T>, fail: Reject): void => {
    resolve = settle;
    reject = fail;
  };

  // `value` before `done`: the loop that reads the result is a tenth faster then.
  const take = (): Result<T> => {
    const value = chunk[at++] as T;
    state = at < chunk.length ? 'ready' : 'idle';
    return { value, done: false };
  };

  const sink: Sink<T> = {
    item(value) {
      if (state === 'waiting') {
        state = 'idle';
        resolve({ value, done: false });
        if (queue.length > 0) serve();
      } else if (state === 'asking') {
        state = 'idle';
        answer = Promise.resolve({ value, done: false });
      }
    },
    items(more) {
      if (state !== 'waiting' && state !== 'asking') return;
      const wasWaiting = state === 'waiting';
      chunk = more;
      at = 0;
      if (wasWaiting) resolve(take());
      else answer = Promise.resolve(take());
      if (wasWaiting && queue.length > 0) serve();
    },
    end(failure) {
      if (state !== 'over') settleAll(failure);
    },
  };

  /** Serves the calls that are pending behind the oldest, which has been settled. */
  const serve = (): void => {
    if (isServing) return;
    isServing = true;
    while (queue.length > 0 && (state === 'ready' || state === 'idle')) {
      const wasReady = state === 'ready';
      state = 'waiting';
      executor(...(queue.shift() as [Settle<T>, Reject]));
      if (wasReady) resolve(take());
      else stage.pull(sink);
    }
    isServing = false;
  };

  const settleAll = (failure?: Failure): void => {
    const was = state;
    state = 'over';
    chunk = [];
    if (was === 'asking') answer = failure ? Promise.reject(failure.error) : Promise.resolve(DONE);
    if (was === 'waiting') {
      if (failure) reject(failure.error);
      else resolve(DONE);
    }
    for (const [settle] of queue) settle(DONE);
    queue = [];
  };

  /** Gives the rest of the stream away to a pipeline that goes on from here. It can only be closed from here then. */
  const release = (): Stage<T> => {
    if (state !== 'idle' && state !== 'ready' && state !== 'over') throw new TypeError(BUSY);
    const isOver = state === 'over';
    let rest = state === 'ready' ? chunk.slice(at) : [];
    state = 'released';
    if (!isOver && rest.length === 0) return stage;
    return {
      pull(to) {
        const held = rest;
        rest = [];
        if (held.length > 0) to.items(held);
        else if (isOver) to.end();
        else stage.pull(to);
      },
      close() {
        rest = [];
        return isOver ? undefined : stage.close();
      },
    };
  };

  /** Closes the pipeline; later calls return the same promise. */
  const close = (): Promise<void> => {
    if (!cleanup) {
      const wasOver = state === 'over';
      if (state !== 'released') settleAll();
      cleanup = (wasOver ? undefined : stage.close()) ?? Promise.resolve();
    }
    return cleanup;
  };

  const stream: Stream<T> & Releasable<T> & ChunkSource<T> = {
    [Symbol.asyncIterator]: () => stream,
    next() {
      if (state === 'idle') {
        state = 'asking';
        stage.pull(sink);
        if (state === 'asking') {
          state = 'waiting';
          return new Promise(executor);
        }
        if (queue.length > 0) serve();
        return answer;
      }
      if (state === 'ready') {
        // Counted by the dozen, because the shared count costs as much as all else that is done for an item.
        if (++servedSinceCheck < 64) return Promise.resolve(take());
        servedSinceCheck = 0;
        if (!isOverBudget(64)) return Promise.resolve(take());
        state = 'waiting';
        inNextTurn(() => {
          if (state !== 'waiting') return;
          resolve(take());
          if (queue.length > 0) serve();
        });
        return new Promise(executor);
      }
      if (state === 'over') return Promise.resolve(DONE);
      if (state === 'released') return Promise.reject(new TypeError(BUSY));
      return new Promise((settle, fail) => queue.push([settle, fail]));
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
