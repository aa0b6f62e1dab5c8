/**
 * The inner edge: turns what people have (async iterables, plain iterables, web streams, our own streams) into a
 * stage. One `next()` is open at a time, nothing is opened before the first pull, and closing calls `return()` once,
 * in the same turn, even while `next()` is pending.
 */

import type { Source } from '../stream.ts';
import {
  CHUNKS,
  type ChunkSource,
  ignoreCleanup,
  isPromiseLike,
  MAX_CHUNK,
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
  const open =
    any[CHUNKS]?.bind(any) ??
    (any.getReader && (() => readerIterator(source as ReadableStream<T>))) ??
    any[Symbol.asyncIterator]?.bind(any) ??
    (any[Symbol.iterator] && (() => syncReader(source as Iterable<T>)));
  if (!open) throw new TypeError('A source must be iterable or a ReadableStream');
  return inlet(open, CHUNKS in any);
}

/** What is needed of an async iterator; the result may come at once, for iterables that are not async. */
interface Reader {
  next(): PromiseLike<IteratorResult<unknown, unknown>> | IteratorResult<unknown, unknown>;
  return?(): unknown;
}

function inlet<T>(open: () => Reader, isChunked: boolean): Stage<T> {
  let reader: Reader | undefined;
  let sink: Sink<T> = SILENT; // the open pull's
  // 'asking': in a call of the reader. 'pending': its promise has not settled. 'resting': the event loop has a turn.
  let state: 'idle' | 'asking' | 'pending' | 'resting' | 'over' = 'idle';
  // What a reader of chunks has given, and the place of the next item.
  let chunk: readonly T[] = [];
  let at = 0;
  let itemsSinceCheck = 0;

  const letGo = (): Sink<T> => {
    const to = sink;
    sink = SILENT;
    return to;
  };

  /** Asks the reader; in a loop, for as long as it answers at once and the sink asks again. */
  const ask = (): void => {
    state = 'asking';
    try {
      while (state === 'asking' && sink !== SILENT) {
        // Counted here by the dozen, because the shared count costs more than all else that is done for an item.
        if (++itemsSinceCheck > 64) {
          const isOver = isOverBudget(itemsSinceCheck);
          itemsSinceCheck = 0;
          if (isOver) {
            state = 'resting';
            return inNextTurn(() => state === 'resting' && ask());
          }
        }
        read();
      }
      if (state === 'asking') state = 'idle';
    } catch (error) {
      onError(error);
    }
  };

  const read = (): void => {
    if (at < chunk.length) {
      const some = chunk.slice(at, at + MAX_CHUNK); // a copy, as the stages change it in place
      at += MAX_CHUNK;
      itemsSinceCheck += some.length;
      return letGo().items(some);
    }
    reader ??= open();
    const next = reader.next();
    if ('then' in next) {
      state = 'pending';
      next.then(onResult, onError);
    } else deliver(next);
  };

  const deliver = (result: IteratorResult<unknown, unknown>): void => {
    if (result.done) {
      state = 'over';
      letGo().end();
    } else if (isChunked) {
      chunk = result.value as T[];
      at = 0;
    } else letGo().item(result.value as T);
  };

  const onResult = (result: IteratorResult<unknown, unknown>): void => {
    if (state === 'over') return;
    state = 'idle';
    deliver(result);
    if (isChunked && state === 'idle') ask();
  };

  const onError = (error: unknown): void => {
    if (state === 'over') return;
    state = 'over';
    letGo().end({ error });
  };

  return {
    pull(to) {
      sink = to;
      if (state === 'idle') ask();
      else if (state === 'over') letGo().end();
    },
    close() {
      if (state === 'over') return undefined;
      const wasPending = state === 'pending';
      state = 'over';
      const cleanup = tell();
      letGo().end();
      if (!wasPending) return cleanup;
      // An async generator keeps return() waiting until its pending next() settles, which may be never. The call has
      // been made; nobody is held up by it, and what it throws later has no one left to go to.
      return void ignoreCleanup(cleanup);
    },
  };

  /** A source that was never read is opened just to be told, or a generator's caller would wait for its `finally`. */
  async function tell(): Promise<void> {
    reader ??= open();
    await reader.return?.();
  }
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
