/**
 * The inner edge: turns what people have (async iterables, plain iterables, web streams, our own streams) into a
 * stage. One `next()` is open at a time, nothing is opened before the first pull, and closing calls `return()` once,
 * in the same turn, even while `next()` is pending.
 */

import type { Source } from '../stream.ts';
import { Outlet } from './outlet.ts';
import { CHUNKS, type ChunkSource, type Cleanup, ignoreCleanup, SILENT, type Sink, Stage } from './stage.ts';
import { inNextTurn, isOverBudget } from './time-budget.ts';

/** The stage behind a source. A stream of ours that nobody reads yet is joined directly, without a promise between. */
export function stageOf<T>(source: Source<T>): Stage<T> {
  if (source instanceof Outlet) return source.release();
  const any = source as Partial<ReadableStream<T> & AsyncIterable<T> & Iterable<T> & ChunkSource<T>>;
  if (any.getReader) return new ItemInlet(() => readerIterator(source as ReadableStream<T>));
  if (any[CHUNKS]) return new ChunkInlet(() => (any as ChunkSource<T>)[CHUNKS]());
  if (any[Symbol.asyncIterator]) return new ItemInlet(() => (source as AsyncIterable<T>)[Symbol.asyncIterator]());
  if (any[Symbol.iterator]) return new ItemInlet(() => syncReader(source as Iterable<T>));
  throw new TypeError('A source must be an async iterable, an iterable or a ReadableStream');
}

/** What is needed of an async iterator; the result may come at once, for iterables that are not async. */
interface Reader<V> {
  next(): PromiseLike<IteratorResult<V, unknown>> | IteratorResult<V, unknown>;
  return?(): unknown;
}

abstract class Inlet<V, T> extends Stage<T> {
  private readonly open: () => Reader<V>;
  private reader: Reader<V> | undefined;
  private isPending = false;
  private isOver = false;
  private itemsSinceCheck = 0;

  constructor(open: () => Reader<V>) {
    super();
    this.open = open;
  }

  protected abstract chunkOf(value: V): T[];

  pull(sink: Sink<T>): void {
    this.sink = sink;
    // Counted here by the dozen, because the shared count costs more than all else that is done for an item.
    if (++this.itemsSinceCheck === 64) {
      this.itemsSinceCheck = 0;
      if (isOverBudget(64)) {
        inNextTurn(() => this.request());
        return;
      }
    }
    this.request();
  }

  close(): Cleanup {
    this.sink = SILENT;
    if (this.isOver) return undefined;
    this.isOver = true;
    const cleanup = this.callReturn();
    if (!this.isPending) return cleanup;
    // An async generator keeps return() waiting until its pending next() settles, which may be never. The call has
    // been made; nobody is held up by it, and what it throws later has no one left to go to.
    ignoreCleanup(cleanup);
    return undefined;
  }

  private request(): void {
    if (this.isOver) {
      this.answerDone();
      return;
    }
    let next: PromiseLike<IteratorResult<V, unknown>> | IteratorResult<V, unknown>;
    try {
      this.reader ??= this.open();
      next = this.reader.next();
      this.isPending = 'then' in next;
    } catch (error) {
      this.onError(error);
      return;
    }
    if (this.isPending) (next as PromiseLike<IteratorResult<V, unknown>>).then(this.onResult, this.onError);
    else this.onResult(next as IteratorResult<V, unknown>);
  }

  private readonly onResult = (result: IteratorResult<V, unknown>): void => {
    this.isPending = false;
    if (this.isOver) return;
    if (result.done) {
      this.isOver = true;
      this.answerDone();
      return;
    }
    const chunk = this.chunkOf(result.value);
    if (chunk.length === 0) this.request();
    else this.answer(chunk);
  };

  private readonly onError = (error: unknown): void => {
    this.isPending = false;
    if (this.isOver) return;
    this.isOver = true;
    this.answerFail(error);
  };

  private callReturn(): Cleanup {
    try {
      // A source that was never read is opened just to be told, or a generator's caller would wait for its `finally`.
      this.reader ??= this.open();
      const returned = this.reader.return?.();
      return returned === undefined ? undefined : Promise.resolve(returned).then(() => {});
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

class ItemInlet<T> extends Inlet<T, T> {
  protected chunkOf(value: T): T[] {
    return [value];
  }
}

class ChunkInlet<T> extends Inlet<readonly T[], T> {
  protected chunkOf(value: readonly T[]): T[] {
    return value.slice(); // the stages below change it in place
  }
}

/** A plain iterable. It answers in the same call; as in `for await`, promises among its values are awaited. */
function syncReader<T>(iterable: Iterable<T>): Reader<T> {
  const iterator = iterable[Symbol.iterator]();
  const close = () => void iterator.return?.();
  return {
    next: () => {
      const result = iterator.next();
      const value: unknown = result.value;
      if (result.done || typeof (value as PromiseLike<T> | undefined)?.then !== 'function') return result;
      return Promise.resolve(value as PromiseLike<T>).then(
        (item) => ({ done: false, value: item }),
        (error) => {
          close();
          throw error;
        },
      );
    },
    return: close,
  };
}

/** A reader, not the stream's own iterator: `reader.cancel()` settles a pending read, the iterator waits behind it. */
function readerIterator<T>(stream: ReadableStream<T>): Reader<T> {
  const reader = stream.getReader();
  return {
    next: () => reader.read() as Promise<IteratorResult<T, undefined>>,
    return: () => reader.cancel().finally(() => reader.releaseLock()),
  };
}
