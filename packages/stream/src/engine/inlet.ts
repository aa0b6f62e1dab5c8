/**
 * The inner edge: turns what people have (async iterables, plain iterables, web streams, our own streams) into a
 * stage. One `next()` is open at a time, nothing is opened before the first pull, and closing calls `return()` once,
 * in the same turn, even while `next()` is pending.
 */

import type { Source } from '../stream.ts';
import {
  CHUNKS,
  type ChunkSource,
  type Cleanup,
  ignoreCleanup,
  isPromiseLike,
  SILENT,
  type Sink,
  type Stage,
} from './stage.ts';
import { inNextTurn, isOverBudget } from './time-budget.ts';

/** The key by which a stream of ours gives its last stage away, so that two pipelines join without a promise between. */
export const RELEASE: unique symbol = Symbol('release');

/** A stream of ours. */
export interface Releasable<T> {
  [RELEASE](): Stage<T>;
}

/** The stage behind a source. */
export function stageOf<T>(source: Source<T>): Stage<T> {
  const any = source as Partial<Releasable<T> & ReadableStream<T> & AsyncIterable<T> & Iterable<T> & ChunkSource<T>>;
  if (any[RELEASE]) return any[RELEASE]();
  if (any[CHUNKS]) return inlet<T>(() => (any as ChunkSource<T>)[CHUNKS](), true);
  if (any.getReader) return inlet<T>(() => readerIterator(source as ReadableStream<T>));
  if (any[Symbol.asyncIterator]) return inlet<T>(() => (source as AsyncIterable<T>)[Symbol.asyncIterator]());
  if (any[Symbol.iterator]) return inlet<T>(() => syncReader(source as Iterable<T>));
  throw new TypeError('A source must be an async iterable, an iterable or a ReadableStream');
}

/** What is needed of an async iterator; the result may come at once, for iterables that are not async. */
interface Reader {
  next(): PromiseLike<IteratorResult<unknown, unknown>> | IteratorResult<unknown, unknown>;
  return?(): unknown;
}

function inlet<T>(open: () => Reader, isChunked?: boolean): Stage<T> {
  let reader: Reader | undefined;
  let sink: Sink<T> = SILENT;
  // 'asking': in a call of the reader. 'pending': its promise has not settled. 'resting': the event loop has a turn.
  let state: 'idle' | 'asking' | 'pending' | 'resting' | 'over' = 'idle';
  let itemsSinceCheck = 0;

  /** Asks the reader; in a loop, for as long as it answers at once and the sink asks again. */
  const ask = (): void => {
    state = 'asking';
    try {
      while (state === 'asking') {
        reader ??= open();
        const next = reader.next();
        if ('then' in next) {
          state = 'pending';
          next.then(onResult, onError);
          return;
        }
        const to = sink;
        sink = SILENT;
        deliver(next, to);
        if (state === 'asking' && sink === SILENT) state = 'idle';
      }
    } catch (error) {
      onError(error);
    }
  };

  const deliver = (result: IteratorResult<unknown, unknown>, to: Sink<T>): void => {
    if (result.done) {
      state = 'over';
      to.end();
    } else if (!isChunked) to.item(result.value as T);
    else {
      const chunk = (result.value as T[]).slice(); // the stages change it in place
      itemsSinceCheck += chunk.length;
      if (chunk.length > 0) to.items(chunk);
      else self.pull(to);
    }
  };

  const onResult = (result: IteratorResult<unknown, unknown>): void => {
    if (state === 'over') return;
    state = 'idle';
    deliver(result, sink);
  };

  const onError = (error: unknown): void => {
    if (state === 'over') return;
    state = 'over';
    sink.end({ error });
  };

  const self: Stage<T> = {
    pull(to) {
      sink = to;
      if (state === 'over') to.end();
      if (state !== 'idle') return;
      // Counted here by the dozen, because the shared count costs more than all else that is done for an item.
      if (++itemsSinceCheck < 64) return ask();
      const isOver = isOverBudget(itemsSinceCheck);
      itemsSinceCheck = 0;
      if (!isOver) return ask();
      state = 'resting';
      inNextTurn(() => state === 'resting' && ask());
    },
    close() {
      if (state === 'over') return undefined;
      const was = state;
      state = 'over';
      let cleanup: Cleanup;
      try {
        // A source that was never read is opened just to be told, or a generator's caller would wait for its `finally`.
        reader ??= open();
        const returned = reader.return?.();
        cleanup = returned === undefined ? undefined : Promise.resolve(returned).then(() => {});
      } catch (error) {
        cleanup = Promise.reject(error);
      }
      if (was === 'pending' || was === 'resting') sink.end();
      if (was !== 'pending') return cleanup;
      // An async generator keeps return() waiting until its pending next() settles, which may be never. The call has
      // been made; nobody is held up by it, and what it throws later has no one left to go to.
      return void ignoreCleanup(cleanup);
    },
  };
  return self;
}

/** A plain iterable. It answers in the same call; as in `for await`, promises among its values are awaited. */
function syncReader(iterable: Iterable<unknown>): Reader {
  const iterator = iterable[Symbol.iterator]();
  return {
    next: () => {
      const result = iterator.next();
      if (result.done || !isPromiseLike(result.value)) return result;
      return Promise.resolve(result.value).then(
        (value) => ({ done: false, value }),
        (error) => {
          iterator.return?.();
          throw error;
        },
      );
    },
    return: () => void iterator.return?.(),
  };
}

/** A reader, not the stream's own iterator: `reader.cancel()` settles a pending read, the iterator waits behind it. */
function readerIterator<T>(stream: ReadableStream<T>): Reader {
  const reader = stream.getReader();
  return {
    next: () => reader.read() as Promise<IteratorResult<T, undefined>>,
    return: () => reader.cancel().finally(() => reader.releaseLock()),
  };
}
