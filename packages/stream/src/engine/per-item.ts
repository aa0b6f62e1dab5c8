/**
 * The base of the operators that call a user's function for each item, one at a time: `map`, `filter`, `scan` and the
 * like. Adjacent operators of this kind are fused into one stage, a row: each item goes through all steps before the
 * next item is touched, so a row costs little more than one operator. A function that returns a plain value costs no
 * microtask; a promise is awaited, one item at a time, and its result is handed out at once. An error keeps its place:
 * the items before it go out first. Chunks are changed in place, because they belong to us.
 */

import type { Operator } from '../stream.ts';
import { operator } from './outlet.ts';
import { afterCleanup, type Cleanup, type Failure, isPromiseLike, SILENT, type Sink, type Stage } from './stage.ts';

/** Returned by `apply`: nothing comes out for this item. Thrown: the stream ends before this item. */
export const NONE: unique symbol = Symbol();

/** Checks the type first, because V8 compiles a comparison of a symbol with anything else to a slow call. */
const isNone = (value: unknown): boolean => typeof value === 'symbol' && value === NONE;

/** One operator of the row. */
interface Step {
  readonly _call: (item: unknown, index: number) => unknown;
  /** Makes what comes out, from the item and the result of `_call`. Without it, that result comes out. */
  readonly _apply: ((item: unknown, result: unknown) => unknown) | undefined;
  _index: number;
}

/** The operator that calls the user's function `call` for each item and delivers the result. */
export function perItem<I, R>(call: (item: I, index: number) => R | PromiseLike<R>): Operator<I, R>;
/** The same, but `apply` makes what is delivered, from the item and the settled result. */
export function perItem<I, R, O>(
  call: (item: I, index: number) => R | PromiseLike<R>,
  apply: (item: I, result: R) => O | typeof NONE,
): Operator<I, O>;
export function perItem(call: Step['_call'], apply?: Step['_apply']): Operator<unknown, unknown> {
  return operator((stage) => {
    const step: Step = { _call: call, _apply: apply, _index: 0 };
    // A row that is waiting for a promise or holds the rest of a chunk cannot be extended.
    return stage instanceof Row && !stage._resume && !stage._rest
      ? new Row(stage._upstream, [...stage._steps, step])
      : new Row(stage, [step]);
  });
}

class Row implements Stage<unknown>, Sink<unknown> {
  declare readonly _upstream: Stage<unknown>;
  declare readonly _steps: readonly Step[];
  private _sink: Sink<unknown> = SILENT; // the open pull's
  _resume: (() => void) | undefined; // replaces reading on at the next pull; during a wait it only re-arms itself
  _rest: unknown[] | undefined; // of a chunk, after the item whose function returned a promise

  constructor(upstream: Stage<unknown>, steps: readonly Step[]) {
    this._upstream = upstream;
    this._steps = steps;
  }

  pull(to: Sink<unknown>): void {
    this._sink = to;
    this._goOn();
  }

  close(): Cleanup {
    this._resume = this._rest = undefined;
    const cleanup = this._upstream.close();
    this._letGo().end();
    return cleanup;
  }

  // Foreign sources deliver single items; this separate path for them is a third faster.
  item(item: unknown): void {
    let value: unknown;
    try {
      value = this._through(item, 0);
    } catch (error) {
      return this._halt(error);
    }
    if (isNone(value)) this._goOn();
    else this._letGo().item(value);
  }

  end(failure?: Failure): void {
    this._letGo().end(failure);
  }

  private _letGo(): Sink<unknown> {
    const to = this._sink;
    this._sink = SILENT;
    return to;
  }

  /** Finds an answer for the open pull. */
  private _goOn(): void {
    const resume = this._resume;
    const rest = this._rest;
    if (resume) {
      this._resume = undefined;
      resume();
    } else if (rest) {
      this._rest = undefined;
      this.items(rest);
    } else this._upstream.pull(this);
  }

  /** Sends an item through the steps, starting at step `at`. */
  private _through(item: unknown, at: number): unknown {
    const { _steps: steps } = this;
    let value = item;
    while (at < steps.length && !isNone(value)) {
      const step = steps[at++] as Step;
      const result = step._call(value, step._index++);
      if (isPromiseLike(result)) return this._wait(step, value, result, at);
      value = step._apply ? step._apply(value, result) : result;
    }
    return value;
  }

  /**
   * A function returned a promise: nothing comes out for its item now. Once settled, the item goes on from step `at`.
   */
  private _wait({ _apply: apply }: Step, item: unknown, result: PromiseLike<unknown>, at: number): typeof NONE {
    const wait = (): void => {
      this._resume = wait;
    };
    const settle = (then: () => void): void => {
      if (this._resume !== wait) return; // closed
      this._resume = then;
      if (this._sink !== SILENT) this._goOn();
    };
    Promise.resolve(result)
      // In an array, because `apply` may return the item, which may itself be a promise.
      .then((settled) => [apply ? apply(item, settled) : settled])
      .then(
        (chunk) => settle(() => this.items(chunk, at)),
        (error) => settle(() => this._halt(error)),
      );
    wait();
    return NONE;
  }

  /** Sends a chunk through, starting at step `at`. Results overwrite the items already processed. */
  items(chunk: unknown[], at = 0): void {
    let count = 0;
    let place = 0;
    try {
      // A step may close the pipeline; then no further step is called.
      while (place < chunk.length && this._sink !== SILENT) {
        const value = this._through(chunk[place++], at);
        if (!isNone(value)) chunk[count++] = value;
        else if (this._resume) {
          this._rest ??= chunk.slice(place); // already set if this chunk is just the item that was waited for
          break;
        }
      }
    } catch (error) {
      return this._halt(error, chunk.slice(0, count));
    }
    if (count < chunk.length) chunk.length = count; // setting an unchanged length is a slow call
    this._handOut(chunk);
  }

  private _handOut(chunk: unknown[]): void {
    if (chunk.length > 0) this._letGo().items(chunk);
    else this._goOn();
  }

  /** A step threw: closes the source, hands out the results before the error, then ends. */
  private _halt(error: unknown, before: unknown[] = []): void {
    const failure: Failure | undefined = error === NONE ? undefined : { error };
    afterCleanup(this._upstream.close(), (ofCleanup) => {
      this._resume = () => this._letGo().end(failure ?? ofCleanup);
      this._handOut(before);
    });
  }
}
