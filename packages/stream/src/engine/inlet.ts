/**
 * The edge where items enter a pipeline: turns a source (an async iterable, a plain iterable, a web stream, one of our
 * own streams) into a stage. One `next()` is open at a time, nothing is opened before the first pull, and closing calls
 * `return()` once, in the same turn, even while `next()` is pending.
 */

import type { Source } from '../stream.ts';
import { ASKING, IDLE, OVER, RESTING, SERVING, WAITING } from './edge-state.ts';
import {
  CHUNKS,
  type ChunkSource,
  type Cleanup,
  ignoreCleanup,
  isPromiseLike,
  MAX_CHUNK,
  SILENT,
  type Sink,
  type Stage,
} from './stage.ts';
import { mustRest } from './time-budget.ts';

/**
 * The key of the method by which one of our own streams hands over its last stage, so that two pipelines join without a
 * promise between them.
 */
export const RELEASE: unique symbol = Symbol();

/** One of our own streams. */
export interface Releasable<T> {
  [RELEASE](): Stage<T>;
}

/** The stage behind a source. */
export function stageOf<T>(source: Source<T>): Stage<T> {
  const any = source as Partial<Releasable<T> & ReadableStream<T> & AsyncIterable<T> & Iterable<T> & ChunkSource<T>>;
  if (any[RELEASE]) return any[RELEASE]();
  const open =
    any[CHUNKS] ?? (any.getReader ? readStream : (any[Symbol.asyncIterator] ?? (any[Symbol.iterator] && readIterable)));
  if (!open) throw new TypeError('A source must be iterable');
  return new Inlet(open.bind(any as never), !!any[CHUNKS]);
}

/** The part of an async iterator that is used. The result may come synchronously, for plain iterables. */
interface Reader {
  next(): PromiseLike<IteratorResult<unknown, unknown>> | IteratorResult<unknown, unknown>;
  return?(): unknown;
}

/**
 * The stage over a source. A class, like the row, the pump and the outlet, because V8 inlines methods better than
 * closures.
 */
class Inlet<T> implements Stage<T> {
  declare private readonly _open: () => Reader;
  declare private readonly _isChunked: boolean;
  private _reader: Reader | undefined;
  // Looked up once, as `for await` does: every generator function has its own type, so the lookup is never cached.
  private _next!: Reader['next'];
  private _sink: Sink<T> = SILENT; // the open pull's
  private _state: number = IDLE;
  // Of a source read by chunks: the last chunk, and the index of its next item.
  private _chunk: readonly T[] = [];
  private _at = 0;
  private _itemsSinceCheck = 0;

  constructor(open: () => Reader, isChunked: boolean) {
    this._open = open;
    this._isChunked = isChunked;
  }

  pull(to: Sink<T>): void {
    this._sink = to;
    if (this._state === IDLE) this._ask();
    else if (this._state === OVER) this._letGo().end();
  }

  close(): Cleanup {
    if (this._state === OVER) return undefined;
    const before = this._state;
    this._state = OVER;
    // A source that closes its own pipeline is told once its call returns: a running generator refuses `return()`.
    const cleanup = before === ASKING ? undefined : this._tell();
    this._letGo().end();
    // An async generator's return() waits for its pending next(), which may never settle. The call has been made, but
    // nobody waits for it, and nobody is left to receive an error from it.
    return before === WAITING ? void ignoreCleanup(cleanup) : cleanup;
  }

  private _letGo(): Sink<T> {
    const to = this._sink;
    this._sink = SILENT;
    return to;
  }

  /** Reads in a loop for as long as the source answers synchronously and the sink asks again. */
  private _ask(): void {
    this._state = SERVING;
    try {
      while (this._state === SERVING && this._sink !== SILENT) {
        // Counted locally up to 16: the shared count costs more than everything else done for an item.
        if (++this._itemsSinceCheck > 16 && this._mustRest()) return;
        this._read();
      }
      if (this._state === SERVING) this._state = IDLE;
    } catch (error) {
      this._onError(error);
    }
  }

  private _mustRest(): boolean {
    const isOver = mustRest(this._itemsSinceCheck, this._onRested);
    this._itemsSinceCheck = 0;
    if (isOver) this._state = RESTING;
    return isOver;
  }

  private _read(): void {
    if (this._at < this._chunk.length) return this._serve();
    this._state = ASKING;
    const reader = this._reader ?? this._opened();
    const next = this._next.call(reader);
    if (this._state === ASKING) this._state = 'then' in next ? WAITING : SERVING;
    else ignoreCleanup(this._tell());
    if ('then' in next) {
      // A thenable may answer inside the call, or twice; `Promise.resolve` makes it behave like a promise.
      (next instanceof Promise ? next : Promise.resolve(next)).then(this._onResult, this._onError);
    } else this._deliver(next);
  }

  private _opened(): Reader {
    this._reader = this._open();
    this._next = this._reader.next;
    return this._reader;
  }

  private _serve(): void {
    const some = this._chunk.slice(this._at, this._at + MAX_CHUNK); // a copy, because stages change chunks in place
    this._at += MAX_CHUNK;
    this._itemsSinceCheck += some.length;
    this._letGo().items(some);
  }

  /** Throws a TypeError for a result that is not an object, as `for await` does; here `in` throws it. */
  private _deliver(result: IteratorResult<unknown, unknown>): void {
    const isDone = 'done' in result && result.done;
    const { value } = result;
    if (isDone) {
      this._state = OVER;
      this._letGo().end();
    } else if (this._isChunked) {
      this._chunk = value as T[];
      this._at = 0;
    } else this._letGo().item(value as T);
  }

  private readonly _onResult = (result: IteratorResult<unknown, unknown>): void => {
    if (this._state === OVER) return;
    this._state = IDLE;
    try {
      this._deliver(result);
    } catch (error) {
      this._onError(error);
    }
    if (this._isChunked && this._state === IDLE) this._ask();
  };

  private readonly _onRested = (): void => {
    if (this._state === RESTING) this._ask();
  };

  private readonly _onError = (error: unknown): void => {
    if (this._state === OVER) return;
    if (this._sink === SILENT) throw error; // not the source's: the pipeline has overflowed the stack
    this._state = OVER;
    this._letGo().end({ error });
  };

  /**
   * Calls `return()`. A source that was never read is opened just for that, since whoever made it may rely on being
   * told.
   */
  private async _tell(): Promise<void> {
    await (this._reader ?? this._opened()).return?.();
  }
}

/** Reads a plain iterable, synchronously. As in `for await`, promises among its values are awaited. */
function readIterable(this: Iterable<unknown>): Reader {
  const iterator = this[Symbol.iterator]();
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
    return: () => iterator.return?.(),
  };
}

/**
 * Reads a web stream by a reader, not the stream's own iterator: `reader.cancel()` settles a pending read, where the
 * iterator's `return()` waits for it. Like the iterator, it releases the lock however the stream ends, because a locked
 * stream cannot be cancelled by its owner.
 */
function readStream(this: ReadableStream<unknown>): Reader {
  const reader = this.getReader();
  const letGo = (): void => reader.releaseLock();
  return {
    next() {
      const answer = reader.read() as Promise<IteratorResult<unknown, undefined>>;
      answer.then((result) => result.done && letGo(), letGo);
      return answer;
    },
    return: () => reader.cancel().finally(letGo),
  };
}
