/**
 * The base of stages that call a function of the user's for each item. A function that returns a plain value costs no
 * tick; one that returns a promise is awaited, one item at a time, and what it gives is handed out at once. An error
 * keeps its place: the items before it go out first. Changes its chunks in place, which it may, as it owns them.
 */

import { Linear } from './linear.ts';
import type { Cleanup, Ending, Sink } from './stage.ts';

/** Returned by `apply` for "nothing comes out for this item". */
export const DROP = Symbol('drop');
/** Returned by `apply` for "the stream ends before this item". */
export const STOP = Symbol('stop');

const NO_ITEMS: never[] = [];

export abstract class PerItem<I, O, R> extends Linear<I, O> {
  // The part of the last chunk that is still to do, after an answer had to be given in the middle of it.
  private rest: I[] = NO_ITEMS;
  private restFrom = 0;
  // A promise of the user's function: still open, or settled while nobody was waiting.
  private isAwaiting = false;
  private settled: (() => void) | undefined;

  /** Calls the user's function. What it throws ends the stream. */
  protected abstract call(item: I): R | PromiseLike<R>;

  /** What comes out for `item`, now that the function's result is known. */
  protected abstract apply(item: I, result: R): O | typeof DROP | typeof STOP;

  override pull(sink: Sink<O>): void {
    if (!this.isAwaiting && this.restFrom === this.rest.length && this.settled === undefined) {
      super.pull(sink);
      return;
    }
    this.sink = sink;
    if (this.isAwaiting) return;
    if (this.settled === undefined) {
      this.run(this.rest, this.restFrom);
      return;
    }
    const resume = this.settled;
    this.settled = undefined;
    resume();
  }

  override items(chunk: I[]): void {
    this.run(chunk, 0);
  }

  override close(): Cleanup {
    this.forgetRest();
    return super.close();
  }

  private run(chunk: I[], from: number): void {
    const out = chunk as unknown[] as O[];
    let count = 0; // never ahead of `index`, so writing to `out` does not touch what is still to be read
    for (let index = from; index < chunk.length; index++) {
      const item = chunk[index] as I;
      let result: R | PromiseLike<R>;
      try {
        result = this.call(item);
      } catch (error) {
        this.stop(out.slice(0, count), { error });
        return;
      }
      if (isPromiseLike(result)) {
        this.rest = chunk;
        this.restFrom = index + 1;
        this.wait(out.slice(0, count), item, result);
        return;
      }
      const value = this.apply(item, result);
      if (value === STOP) {
        this.stop(out.slice(0, count), 'done');
        return;
      }
      if (value !== DROP) out[count++] = value;
    }
    this.forgetRest();
    if (count === 0) {
      this.request();
      return;
    }
    if (count < out.length) out.length = count;
    this.answer(out);
  }

  /** The function went async. What came before goes out first; the next pull gets what the promise gives. */
  private wait(before: O[], item: I, promise: PromiseLike<R>): void {
    this.isAwaiting = true;
    const settle = (resume: () => void) => {
      this.isAwaiting = false;
      if (this.isWaited) resume();
      else this.settled = resume;
    };
    promise.then(
      (result) => settle(() => this.resume(item, result)),
      (error) => settle(() => this.stop([], { error })),
    );
    if (before.length > 0) this.answer(before);
  }

  private resume(item: I, result: R): void {
    const value = this.apply(item, result);
    if (value === STOP) this.stop([], 'done');
    else if (value === DROP) this.run(this.rest, this.restFrom);
    else this.answer([value]);
  }

  private stop(held: O[], ending: Ending): void {
    this.forgetRest();
    this.endEarly(held, ending);
  }

  private forgetRest(): void {
    this.rest = NO_ITEMS;
    this.restFrom = 0;
  }
}

const isPromiseLike = <T>(value: T | PromiseLike<T>): value is PromiseLike<T> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
