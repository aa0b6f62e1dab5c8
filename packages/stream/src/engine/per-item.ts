/**
 * Operators that call a function of the user's for each item. Operators of this kind in a row become one stage: an item
 * goes through all their steps before the next is looked at, so a row costs little more than one of them. A function
 * that returns a plain value costs no tick; a promise is awaited, one item at a time, and what it gives is handed out at
 * once. An error keeps its place: the items before it go out first. Chunks are changed in place; they belong to us.
 */

import type { Operator } from '../stream.ts';
import { stageOf } from './inlet.ts';
import { Linear } from './linear.ts';
import { Outlet } from './outlet.ts';
import type { Stage } from './stage.ts';

/** Returned by `apply` for "nothing comes out for this item". */
export const DROP: unique symbol = Symbol('drop');
/** Returned by `apply` for "the stream ends before this item". */
export const STOP: unique symbol = Symbol('stop');

/** One operator's part in the stage. It is made anew for each stream, so it may keep state. */
export interface Step<I, O, R> {
  /** Calls the user's function. What it throws, or rejects with, ends the stream. */
  call(item: I): R | PromiseLike<R>;
  /** What comes out for `item`, now that the function's result is known. */
  apply(item: I, result: R): O | typeof DROP | typeof STOP;
}

/** The operator made of such a step. */
export function perItem<I, O, R>(makeStep: () => Step<I, O, R>): Operator<I, O> {
  return (source) => {
    const stage = stageOf(source);
    const [upstream, before] = stage instanceof PerItem ? [stage.upstream, stage.steps] : [stage, []];
    return new Outlet<O>(new PerItem(upstream, [...before, makeStep() as AnyStep]) as Stage<unknown> as Stage<O>);
  };
}

type AnyStep = Step<unknown, unknown, unknown>;

class PerItem extends Linear<unknown, unknown> {
  readonly steps: readonly AnyStep[];

  constructor(upstream: Stage<unknown>, steps: readonly AnyStep[]) {
    super(upstream);
    this.steps = steps;
  }

  // A chunk of one, which is what foreign sources give, is worth a loop of its own: it is a third faster.
  override items(chunk: unknown[]): void {
    if (chunk.length > 1) {
      this.run(chunk, 0, chunk[0], 0);
      return;
    }
    const { steps } = this;
    let value = chunk[0];
    for (let index = 0; index < steps.length; index++) {
      const step = steps[index] as AnyStep;
      let result: unknown;
      try {
        result = step.call(value);
      } catch (error) {
        this.endEarly([], { error });
        return;
      }
      if (isPromiseLike(result)) {
        this.wait([], chunk, 0, value, index, result);
        return;
      }
      value = step.apply(value, result);
      if (value === STOP) {
        this.endEarly([], 'done');
        return;
      }
      if (value === DROP) {
        this.pullAgain();
        return;
      }
    }
    chunk[0] = value;
    this.answer(chunk);
  }

  /** Goes on with the item at `index`, which is `value` by now, at `step`; then with the items behind it. */
  private run(chunk: unknown[], index: number, value: unknown, step: number): void {
    const { steps } = this;
    let count = 0; // of results, which are written over the items that are done with
    for (;;) {
      for (; step < steps.length && value !== DROP; step++) {
        const { call, apply } = steps[step] as AnyStep;
        let result: unknown;
        try {
          result = call(value);
        } catch (error) {
          this.endEarly(chunk.slice(0, count), { error });
          return;
        }
        if (isPromiseLike(result)) {
          this.wait(chunk.slice(0, count), chunk, index, value, step, result);
          return;
        }
        value = apply(value, result);
        if (value === STOP) {
          this.endEarly(chunk.slice(0, count), 'done');
          return;
        }
      }
      if (value !== DROP) chunk[count++] = value;
      if (++index >= chunk.length) break;
      value = chunk[index];
      step = 0;
    }
    if (count < chunk.length) chunk.length = count;
    if (count > 0) this.answer(chunk);
    else this.pullAgain();
  }

  /** A function went async. The results before it go out first; the next pull gets what the promise gives. */
  private wait(
    before: unknown[],
    chunk: unknown[],
    index: number,
    value: unknown,
    step: number,
    promise: PromiseLike<unknown>,
  ): void {
    const settle = (then: () => void) => {
      if (this.isWaited) then();
      else this.resume = then;
    };
    promise.then(
      (result) => settle(() => this.continueWith(chunk, index, value, step, result)),
      (error) => settle(() => this.endEarly([], { error })),
    );
    if (before.length === 0) return;
    this.resume = () => {}; // a pull that comes before the promise has settled waits for it
    this.answer(before);
  }

  private continueWith(chunk: unknown[], index: number, item: unknown, step: number, result: unknown): void {
    const value = (this.steps[step] as AnyStep).apply(item, result);
    if (value === STOP) {
      this.endEarly([], 'done');
      return;
    }
    // The item goes through its other steps by itself, so that it is handed out without waiting for those behind it.
    if (index + 1 < chunk.length) {
      const rest = chunk.slice(index + 1);
      this.resume = () => this.run(rest, 0, rest[0], 0);
    }
    this.run([item], 0, value, step + 1);
  }
}

const isPromiseLike = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
