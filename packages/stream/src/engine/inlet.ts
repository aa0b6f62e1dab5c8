/**
 * The inner edge: turns what people have (async iterables, plain iterables, web streams, our own streams) into a
 * stage. One `next()` is open at a time, nothing is opened before the first pull, and closing calls `return()` once,
 * in the same turn, even while `next()` is pending.
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

/** The key by which a stream of ours gives its last stage away, so that two pipelines join without a promise between. */
export const RELEASE: unique symbol = Symbol();

/** A stream of ours. */
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

/** What is needed of an async iterator; the result may come at once, for iterables that are not async. */
interface Reader {
  next(): PromiseLike<IteratorResult<unknown, unknown>> | IteratorResult<unknown, unknown>;
  return?(): unknown;
}

/** A class, as are the row, the pump and the outlet, because the engine compiles methods into one piece better than closures. */
class Inlet<T> implements Stage<T> {
  declare private readonly _open: () => Reader;
  declare private readonly _isChunked: boolean;
  private _reader: Reader | undefined;
  private _next!: Reader['next']; // looked up once, as `for await` does; every generator is of a type of its own
  private _sink: Sink<T> = SILENT; // the open pull's
  private _state: number = IDLE;
  // What a reader of chunks has given, and the place of the next item.
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
    // A source that closes its own pipeline is told when its call returns; a generator cannot be told while it runs.
    const cleanup = before === ASKING ? undefined : this._tell();
    this._letGo().end();
    // An async generator keeps return() waiting until its pending next() settles, which may be never. The call has
    // been made; nobody is held up by it, and what it throws later has no one left to go to.
    return before === WAITING ? void ignoreCleanup(cleanup) : cleanup;
  }

  private _letGo(): Sink<T> {
    const to = this._sink;
    this._sink = SILENT;
    return to;
  }

  /** Asks the reader; in a loop, for as long as it answers at once and the sink asks again. */
  private _ask(): void {
    this._state = SERVING;
    try {
      while (this._state === SERVING && this._sink !== SILENT) {
        // Counted here by the dozen, because the shared count costs more than all else that is done for an item.
        if (++this._itemsSinceCheck > 64 && this._mustRest()) return;
        this._read();
      }
      if (this._state === SERVING) this._state = IDLE;
    } catch (error) {
      this._onError(error);
    }
  }

  private _mustRest(): boolean {
    const items = this._itemsSinceCheck;
    this._itemsSinceCheck = 0;
    if (!mustRest(items, () => this._state === RESTING && this._ask())) return false;
    this._state = RESTING;
    return true;
  }

  private _read(): void {
    if (this._at < this._chunk.length) return this._serve();
    this._state = ASKING;
    const reader = this._reader ?? this._opened();
    const next = this._next.call(reader);
    if (this._state === ASKING) this._state = 'then' in next ? WAITING : SERVING;
    else ignoreCleanup(this._tell());
    if ('then' in next) {
      // A thenable may answer in the call itself, or twice; a promise cannot.
      (next instanceof Promise ? next : Promise.resolve(next)).then(this._onResult, this._onError);
    } else this._deliver(next);
  }

  private _opened(): Reader {
    this._reader = this._open();
    this._next = this._reader.next;
    return this._reader;
  }

  private _serve(): void {
    const some = this._chunk.slice(this._at, this._at + MAX_CHUNK); // a copy, as the stages change it in place
    this._at += MAX_CHUNK;
    this._itemsSinceCheck += some.length;
    this._letGo().items(some);
  }

  /** Throws if it is no result, as `in` does for whatever is no object. */
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

  private readonly _onError = (error: unknown): void => {
    if (this._state === OVER) return;
    this._state = OVER;
    this._letGo().end({ error });
  };

  /** A source that was never read is opened just to be told, or a generator's caller would wait for its `finally`. */
  private async _tell(): Promise<void> {
    await (this._reader ?? this._opened()).return?.();
  }
}

/** A plain iterable. It answers in the same call; as in `for await`, promises among its values are awaited. */
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
    return: () => void iterator.return?.(),
  };
}

/**
 * A reader, not the stream's own iterator: `reader.cancel()` settles a pending read, the iterator waits behind it. Like the
 * iterator it lets go of the stream on every ending, as whoever cleans up may not cancel one that is locked.
 */
function readStream(this: ReadableStream<unknown>): Reader {
  const reader = this.getReader();
  const letGo = (): void => reader.releaseLock();
  reader.closed.then(letGo, letGo);
  return {
    next: () => reader.read() as Promise<IteratorResult<unknown, undefined>>,
    return: () => reader.cancel(),
  };
}
