/**
 * Operators that call a function of the user's for each item. Operators of this kind in a row become one stage: an item
 * goes through all their steps before the next is looked at, so a row costs little more than one of them. A function
 * that returns a plain value costs no tick; a promise is awaited, one item at a time, and what it gives is handed out at
 * once. An error keeps its place: the items before it go out first. Chunks are changed in place; they belong to us.
 */

import type { Operator } from '../stream.ts';
import { operator } from './outlet.ts';
import { afterCleanup, type Cleanup, type Failure, isPromiseLike, SILENT, type Sink, type Stage } from './stage.ts';

/** What `apply` returns for "nothing comes out for this item". */
export const DROP: unique symbol = Symbol('drop');
/** What `apply` throws for "the stream ends before this item". */
export const STOP: unique symbol = Symbol('stop');
/** What comes out of a step that has to be waited for. */
const LATER: unique symbol = Symbol('later');

/** The type comes first, because the engine makes a call of a comparison between a symbol and anything else. */
const isSignal = (value: unknown, signal: symbol): boolean => typeof value === 'symbol' && value === signal;

/** One operator's part in the row. */
interface Step {
  readonly call: (item: unknown, index: number) => unknown;
  /** What comes out for the item; without it, the result. */
  readonly apply: ((item: unknown, result: unknown) => unknown) | undefined;
  index: number;
}

/** The operator that calls the user's function `call` for each item; the result comes out. */
export function perItem<I, R>(call: (item: I, index: number) => R | PromiseLike<R>): Operator<I, R>;
/** The same, where `apply` makes what comes out of the item and the result, once there is one. */
export function perItem<I, R, O>(
  call: (item: I, index: number) => R | PromiseLike<R>,
  apply: (item: I, result: R) => O | typeof DROP,
): Operator<I, O>;
export function perItem(call: Step['call'], apply?: Step['apply']): Operator<unknown, unknown> {
  return operator((stage) => {
    const step: Step = { call, apply, index: 0 };
    return stage instanceof Row ? new Row(stage.upstream, [...stage.steps, step]) : new Row(stage, [step]);
  });
}

class Row implements Stage<unknown>, Sink<unknown> {
  readonly upstream: Stage<unknown>;
  readonly steps: readonly Step[];
  private _sink: Sink<unknown> = SILENT; // the open pull's
  private _resume: (() => void) | undefined; // in place of passing the next pull up
  private _isOver = false;
  // What the step waits for that has gone async, boxed, as an item may be a promise itself; and the step behind it.
  private _later: Promise<[unknown]> | undefined;
  private _next = 0;

  constructor(upstream: Stage<unknown>, steps: readonly Step[]) {
    this.upstream = upstream;
    this.steps = steps;
  }

  pull(to: Sink<unknown>): void {
    this._sink = to;
    this._again();
  }

  close(): Cleanup {
    this._isOver = true;
    this._resume = undefined;
    const cleanup = this.upstream.close();
    this._letGo().end();
    return cleanup;
  }

  // What foreign sources give; it is worth a path of its own, which is a third faster.
  item(item: unknown): void {
    let value: unknown;
    try {
      value = this._through(item, 0);
    } catch (error) {
      return this._halt(error, []);
    }
    if (isSignal(value, DROP)) this._again();
    else if (isSignal(value, LATER)) this._wait([], []);
    else this._letGo().item(value);
  }

  items(chunk: unknown[]): void {
    this._work(chunk, 0);
  }

  end(failure?: Failure): void {
    this._letGo().end(failure);
  }

  private _letGo(): Sink<unknown> {
    const to = this._sink;
    this._sink = SILENT;
    return to;
  }

  /** Looks for something to answer the open pull with. */
  private _again(): void {
    const resume = this._resume;
    if (resume === undefined) return this.upstream.pull(this);
    this._resume = undefined;
    resume();
  }

  /** Sends an item through the steps from `at` on. */
  private _through(item: unknown, at: number): unknown {
    const { steps } = this;
    let value = item;
    while (at < steps.length && !isSignal(value, DROP)) {
      const step = steps[at++] as Step;
      const result = step.call(value, step.index++);
      if (isPromiseLike(result)) return this._goAsync(step, value, result, at);
      value = step.apply === undefined ? result : step.apply(value, result);
    }
    return value;
  }

  private _goAsync({ apply }: Step, item: unknown, result: PromiseLike<unknown>, next: number): typeof LATER {
    this._next = next;
    this._later = Promise.resolve(result).then((settled) => [apply === undefined ? settled : apply(item, settled)]);
    return LATER;
  }

  /** Sends a chunk through, from the step `at` on. What comes out is written over the items that are done with. */
  private _work(chunk: unknown[], at: number): void {
    let count = 0;
    let place = 0;
    try {
      while (place < chunk.length) {
        const value = this._through(chunk[place++], at);
        if (isSignal(value, LATER)) return this._wait(chunk.slice(place), chunk.slice(0, count));
        if (!isSignal(value, DROP)) chunk[count++] = value;
      }
    } catch (error) {
      return this._halt(error, chunk.slice(0, count));
    }
    if (count < chunk.length) chunk.length = count; // a slow call otherwise
    if (count > 0) this._letGo().items(chunk);
    else this._again();
  }

  /**
   * A function went async; its item goes on at the next step. The results before it go out first; the next pull gets what
   * the promise gives.
   */
  private _wait(rest: unknown[], before: unknown[]): void {
    const at = this._next;
    const settle = (then: () => void): void => {
      if (this._isOver) return;
      if (this._sink === SILENT) this._resume = then;
      else then();
    };
    (this._later as Promise<[unknown]>).then(
      (item) =>
        settle(() => {
          // The item goes through its other steps by itself, so that it is handed out without waiting for the rest.
          if (rest.length > 0) this._resume = () => this._work(rest, 0);
          this._work(item, at);
        }),
      (error) => settle(() => this._halt(error, [])),
    );
    if (before.length === 0) return;
    this._resume = () => {}; // a pull that comes before the promise has settled waits for it
    this._letGo().items(before);
  }

  /** A step threw: closes the source, hands out what came before, then ends. */
  private _halt(error: unknown, before: unknown[]): void {
    this._isOver = true;
    const failure: Failure | undefined = error === STOP ? undefined : { error };
    afterCleanup(this.upstream.close(), (ofCleanup) => {
      const end = () => this._letGo().end(failure ?? ofCleanup);
      if (before.length === 0) return end();
      this._resume = end;
      this._letGo().items(before);
    });
  }
}
