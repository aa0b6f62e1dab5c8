/**
 * The outer edge: the async iterator that the user sees. It asks the last stage for items and serves `next()` from
 * them. `return()` works at any time: every pending `next()` settles as done and every open source is told, in the same
 * turn. Several `next()` may be pending; they settle in the order of the calls.
 */

import type { Source, Stream } from '../stream.ts';
import { IDLE, OVER, RESTING, WAITING } from './edge-state.ts';
import { RELEASE, type Releasable, stageOf } from './inlet.ts';
import { CHUNKS, type ChunkSource, type Failure, type Sink, type Stage } from './stage.ts';

type Result<T> = IteratorResult<T, undefined>;
type Settle<T> = (result: Result<T> | PromiseLike<never>) => void;
type Reject = (error: unknown) => void;

/** A call of `next()` that waits for others. */
interface Call<T> {
  readonly _resolve: Settle<T>;
  _next?: Call<T>;
}

const busy = (): never => {
  throw new TypeError('This stream is read by another one');
};
const ENDED: Stage<never> = { pull: (to) => to.end(), close() {} };

/** Falls back as compilers do for `await using`, for runtimes that lack the symbol. */
export const asyncDispose: typeof Symbol.asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

/** The operator that puts a stage behind its source. */
export function operator<I, O>(behind: (upstream: Stage<I>) => Stage<O>): (source: Source<I>) => Stream<O> {
  return (source) => outlet(behind(stageOf(source)));
}

/** The stream that reads a stage. */
export function outlet<T>(stage: Stage<T>): Stream<T> {
  return new OutletStream(new Outlet(stage));
}

/** What the last stage answers to, and the calls of `next()` that wait for it. */
class Outlet<T> implements Sink<T>, Stage<T> {
  declare private _upstream: Stage<T>;
  // The chunk being served, and the place of its next item.
  private _chunk: T[] = [];
  private _at = 0;
  private _state: number = IDLE;
  // The oldest waiting next(), and those behind it: the one before the first of them, and the last. A chain, as
  // `Array.prototype.shift` moves a long queue each time, and no Fifo, which is 100 bytes of the smallest bundle.
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
    // A function of its own for each, as what it does is compiled into this method then; asking inside of it is not.
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
    if (this._state !== WAITING) return; // too late
    this._chunk = more;
    this._at = 0;
    this._settle(this._take());
  }

  end(failure?: Failure): void {
    this._upstream = ENDED;
    this._settle({ value: undefined, done: true }, failure);
  }

  /** Gives the rest of the stream away to a pipeline that goes on from here. It can only be closed from here then. */
  release(): Stage<T> {
    if (this._state !== IDLE) busy();
    this._state = OVER;
    return this._at < this._chunk.length ? this : this._upstream;
  }

  /** Once given away: what is left of the chunk, then what follows it. */
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

  /** Settles the oldest call, if the answer is not too late, then those behind it that need not wait longer. */
  private _settle(result: Result<T>, failure?: Failure): void {
    if (this._state === WAITING) {
      this._state = failure ? RESTING : IDLE;
      this._resolve?.(failure ? this._rejection(failure) : result);
    }
    if (this._head._next) this._serveQueue();
  }

  /**
   * What the oldest call is resolved to, to be rejected: next() would have to keep a second function for each call
   * otherwise, which is a tenth of its time. The rejection takes a tick; calls made until then come behind it.
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

/** What the user sees of an outlet. A class, as most streams are made only to be handed on, and should weigh nothing. */
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
    return this._out.release();
  }

  // The same stream by chunks: what is ready at one time, as one array.
  [CHUNKS](): Stream<T[]> {
    const inner = this._out.release();
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
