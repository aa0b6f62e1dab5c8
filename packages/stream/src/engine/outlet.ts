/**
 * The outer edge: the async iterator that the user sees. It asks the last stage for a chunk and serves `next()` from
 * it. `return()` works at any time: every pending `next()` settles as done and every open source is told, in the same
 * turn. Several `next()` may be pending; they settle in the order of the calls.
 */

import type { Stream } from '../stream.ts';
import { Linear } from './linear.ts';
import { Ring } from './ring.ts';
import { CHUNKS, type Cleanup, type Sink, type Stage } from './stage.ts';
import { inNextTurn, isOverBudget } from './time-budget.ts';

const DONE: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined });
const NO_ITEMS: never[] = [];

/** Falls back as compilers do for `await using`, for runtimes that lack the symbol. */
const asyncDispose: typeof Symbol.asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

type Settle<T> = (result: IteratorResult<T, undefined>) => void;

export class Outlet<T> implements Stream<T> {
  private readonly stage: Stage<T>;
  private state: 'unread' | 'reading' | 'released' | 'over' = 'unread';
  // The chunk being served, and the place of its next item.
  private chunk: T[] = NO_ITEMS;
  private at = 0;
  private isPulling = false;
  private isServing = false;
  // The oldest pending next(), and those behind it.
  private resolve: Settle<T> | undefined;
  private reject: ((error: unknown) => void) | undefined;
  private queue: Ring<[Settle<T>, (error: unknown) => void]> | undefined;
  private cleanup: Promise<void> | undefined;

  constructor(stage: Stage<T>) {
    this.stage = stage;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.resolve !== undefined) return this.enqueue();
    if (this.at < this.chunk.length && !isOverBudget(1)) return Promise.resolve(this.take());
    if (this.state === 'over') return Promise.resolve(DONE);
    if (this.state === 'released') return Promise.reject(new TypeError('This stream is being read by another one'));
    this.state = 'reading';
    const promise = new Promise(this.executor);
    if (this.at < this.chunk.length) inNextTurn(() => this.serve());
    else this.pull();
    return promise;
  }

  return(value?: unknown): Promise<IteratorResult<T, undefined>> {
    const result = { done: true, value } as IteratorReturnResult<undefined>;
    return this.close().then(() => result);
  }

  async throw(error?: unknown): Promise<never> {
    await this.close().catch(() => {});
    throw error;
  }

  [asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The same stream by chunks: what is ready at one time, as one array. */
  [CHUNKS](): AsyncIterator<readonly T[]> {
    return new Outlet(new Chunked(this.release()));
  }

  /** Gives the rest of the stream away to a pipeline that goes on from here. This outlet can only be closed then. */
  release(): Stage<T> {
    if (this.state === 'released' || this.resolve !== undefined) {
      throw new TypeError('This stream is being read by another one');
    }
    const wasOver = this.state === 'over';
    const held = this.chunk.slice(this.at);
    this.chunk = NO_ITEMS;
    this.at = 0;
    this.state = 'released';
    return held.length > 0 || wasOver ? new Held(held, this.stage, wasOver) : this.stage;
  }

  /** Closes the pipeline; later calls return the same promise. */
  protected close(): Promise<void> {
    if (this.cleanup !== undefined) return this.cleanup;
    const { state } = this;
    let cleanup: Cleanup;
    if (state === 'released') cleanup = this.stage.endFromOutside();
    else {
      this.settleAll();
      cleanup = state === 'over' ? undefined : this.stage.close();
    }
    this.cleanup = cleanup ?? Promise.resolve();
    return this.cleanup;
  }

  private readonly answers: Sink<T> = {
    items: (chunk) => {
      this.isPulling = false;
      const { resolve } = this;
      if (resolve === undefined) return; // closed in the meantime
      if (chunk.length === 1) {
        this.resolve = undefined;
        resolve({ done: false, value: chunk[0] as T });
        if (this.queue !== undefined) this.nextInLine();
      } else {
        this.chunk = chunk;
        this.at = 0;
      }
      if (this.resolve !== undefined) this.serve();
    },
    done: () => this.settleAll(),
    fail: (error) => {
      const { reject, resolve } = this;
      this.nextInLine();
      if (resolve !== undefined) reject?.(error);
      this.settleAll();
    },
  };

  private pull(): void {
    this.isPulling = true;
    this.stage.pull(this.answers);
  }

  /** Settles pending calls for as long as there are items. A loop, because a stage may answer inside `pull`. */
  private serve(): void {
    if (this.isServing) return;
    this.isServing = true;
    while (this.resolve !== undefined) {
      if (this.at < this.chunk.length) {
        const { resolve } = this;
        this.nextInLine();
        resolve(this.take());
      } else if (this.isPulling) break;
      else this.pull();
    }
    this.isServing = false;
  }

  private take(): IteratorResult<T, undefined> {
    return { done: false, value: this.chunk[this.at++] as T };
  }

  private settleAll(): void {
    this.state = 'over';
    this.chunk = NO_ITEMS;
    this.at = 0;
    while (this.resolve !== undefined) {
      const { resolve } = this;
      this.nextInLine();
      resolve(DONE);
    }
  }

  private enqueue(): Promise<IteratorResult<T, undefined>> {
    this.queue ??= new Ring();
    const { queue } = this;
    return new Promise((resolve, reject) => queue.push([resolve, reject]));
  }

  private nextInLine(): void {
    this.resolve = undefined;
    if (this.queue !== undefined && this.queue.size > 0) this.executor(...this.queue.shift());
  }

  private readonly executor = (resolve: Settle<T>, reject: (error: unknown) => void): void => {
    this.resolve = resolve;
    this.reject = reject;
  };
}

/** Each chunk as one item. */
class Chunked<T> extends Linear<T, T[]> {
  override items(chunk: T[]): void {
    this.answer([chunk]);
  }
}

/** The rest of a stream that changes hands: what was fetched and not yet served, then what comes. */
class Held<T> extends Linear<T, T> {
  private held: T[];
  private isOver: boolean;

  constructor(held: T[], upstream: Stage<T>, isOver: boolean) {
    super(upstream);
    this.held = held;
    this.isOver = isOver;
  }

  override pull(sink: Sink<T>): void {
    if (this.held.length > 0) sink.items(this.held.splice(0));
    else if (this.isOver) sink.done();
    else super.pull(sink);
  }

  override items(chunk: T[]): void {
    this.answer(chunk);
  }

  override close(): Cleanup {
    this.held = [];
    if (this.isOver) return undefined;
    this.isOver = true;
    return super.close();
  }
}
