/**
 * The edge where items leave a pipeline: the async iterator that the user sees. It pulls the last stage and serves
 * `next()` from the answers. `return()` works at any time: every pending `next()` settles as done and every open source
 * is told to stop, in the same turn. Several `next()` calls may be pending; they settle in call order.
 */

import type { Source, Stream } from '../stream.ts';
import { IDLE, OVER, RESTING, WAITING } from './edge-state.ts';
import { RELEASE, type Releasable, stageOf } from './inlet.ts';
import { CHUNKS, type ChunkSource, type Failure, type Sink, type Stage } from './stage.ts';

type Result<T> = IteratorResult<T, undefined>;
type Settle<T> = (result: Result<T> | PromiseLike<never>) => void;
type Reject = (error: unknown) => void;

/** A call of `next()` that is queued behind others; a node of a linked list. */
interface Call<T> {
  readonly _resolve: Settle<T>;
  _next?: Call<T>;
}

const busy = (): never => {
  throw new TypeError('This stream already has a reader');
};
const ENDED: Stage<never> = { pull: (to) => to.end(), close() {} };

/** For runtimes that lack the symbol, the same fallback that compilers use for `await using`. */
export const asyncDispose: typeof Symbol.asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

/** Makes an operator from a function that puts a stage after its source. */
export function operator<I, O>(behind: (upstream: Stage<I>) => Stage<O>): (source: Source<I>) => Stream<O> {
  return (source) => outlet(behind(stageOf(source)));
}

/** The stream that reads a stage. */
export function outlet<T>(stage: Stage<T>): Stream<T> {
  return new OutletStream(new Outlet(stage));
}

/** The sink of the last stage, and the queue of `next()` calls that wait for its answers. */
class Outlet<T> implements Sink<T>, Stage<T> {
  declare private _upstream: Stage<T>;
  // The chunk being served, and the index of its next item.
  private _chunk: T[] = [];
  private _at = 0;
  private _state: number = IDLE;
  // `_resolve` settles the oldest pending next(). The calls after it are a linked list from `_head._next` to `_tail`:
  // an array's `shift` moves a long queue each time, and a Fifo would add 100 bytes to the smallest bundle.
  private _resolve: Settle<T> | undefined;
  private _head = {} as Call<T>;
  private _tail = this._head;
  private _isServing = false;
  private _cleanup: Promise<void> | undefined;

  constructor(stage: Stage<T>) {
    this._upstream = stage;
  }

  next(): Promise<Result<T>> {
    if (this._state !== IDLE) {
      if (this._state === OVER) return new Promise(busy);
      return new Promise((_resolve) => {
        this._tail = this._tail._next = { _resolve };
      });
    }
    if (this._at < this._chunk.length) return Promise.resolve(this._take());
    this._state = WAITING;
    // An executor written in place is inlined into this method, a shared one is not. With the pull inside, it is not
    // inlined either.
    const answer = new Promise<Result<T>>((resolve) => {
      this._resolve = resolve;
    });
    this._upstream.pull(this);
    return answer;
  }

  item(value: T): void {
    this._settle({ value, done: false });
  }

  items(more: T[]): void {
    if (this._state !== WAITING) return; // late: the stream was closed meanwhile
    this._chunk = more;
    this._at = 0;
    this._settle(this._take());
  }

  end(failure?: Failure): void {
    this._upstream = ENDED;
    this._settle({ value: undefined, done: true }, failure);
  }

  /** Hands the rest of the stream over to another pipeline. After that, this side can only close it. */
  _release(): Stage<T> {
    if (this._state !== IDLE) busy();
    this._state = OVER;
    return this._at < this._chunk.length ? this : this._upstream;
  }

  /** After `_release`: answers with what is left of the chunk, then passes pulls on. */
  pull(to: Sink<T>): void {
    const rest = this._chunk.slice(this._at);
    this._chunk = [];
    if (rest.length > 0) to.items(rest);
    else this._upstream.pull(to);
  }

  /** Closes the pipeline; later calls return the same promise. */
  close(): Promise<void> {
    if (!this._cleanup) {
      const open = this._upstream;
      this._chunk = [];
      if (this._state !== OVER) this.end();
      this._cleanup = open.close() ?? Promise.resolve();
    }
    return this._cleanup;
  }

  // `value` before `done`: the loop that reads the result is a tenth faster then.
  private _take(): Result<T> {
    return { value: this._chunk[this._at++] as T, done: false };
  }

  /** Settles the oldest call, unless the answer is late, then the calls behind it that can be served now. */
  private _settle(result: Result<T>, failure?: Failure): void {
    if (this._state === WAITING) {
      this._state = failure ? RESTING : IDLE;
      this._resolve?.(failure ? this._rejection(failure) : result);
    }
    if (this._head._next) this._serveQueue();
  }

  /**
   * A thenable that makes the promise resolved with it reject. Keeping each call's `reject` as well would cost next() a
   * tenth of its time. The rejection takes a microtask; calls made until then queue behind it.
   */
  private _rejection({ error }: Failure): PromiseLike<never> {
    const then = (_: unknown, reject: Reject): void => {
      reject(error);
      this._state = IDLE;
      this._serveQueue();
    };
    return { then } as PromiseLike<never>;
  }

  private _serveQueue(): void {
    if (this._isServing) return;
    this._isServing = true;
    for (let call = this._head._next; call && this._state === IDLE; call = call._next) {
      this._head = call;
      if (this._at < this._chunk.length) call._resolve(this._take());
      else {
        this._state = WAITING;
        this._resolve = call._resolve;
        this._upstream.pull(this);
      }
    }
    this._isServing = false;
  }
}

/**
 * The user's view of an outlet. A class, so that it costs almost nothing to make: most streams only go on to the next
 * operator.
 */
class OutletStream<T> implements Stream<T>, Releasable<T>, ChunkSource<T> {
  declare private readonly _out: Outlet<T>;

  constructor(out: Outlet<T>) {
    this._out = out;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result<T>> {
    return this._out.next();
  }

  return(value?: unknown): Promise<Result<T>> {
    return this._out.close().then(() => ({ value, done: true }) as IteratorReturnResult<undefined>);
  }

  async throw(error?: unknown): Promise<Result<T>> {
    await this._out.close().catch(() => {});
    throw error;
  }

  [asyncDispose](): Promise<void> {
    return this._out.close();
  }

  [RELEASE](): Stage<T> {
    return this._out._release();
  }

  // The same stream by chunks: items that are ready together come as one array.
  [CHUNKS](): Stream<T[]> {
    const inner = this._out._release();
    return outlet<T[]>({
      pull: (to) =>
        inner.pull({
          item: (value) => to.item([value]),
          items: (chunk) => to.item(chunk),
          end: (failure) => to.end(failure),
        }),
      close: () => inner.close(),
    });
  }
}
