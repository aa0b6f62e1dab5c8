/**
 * Operators that call a function of the user's for each item. Operators of this kind in a row become one stage: an item
 * goes through all their steps before the next is looked at, so a row costs little more than one of them. A function
 * that returns a plain value costs no tick; a promise is awaited, one item at a time, and what it gives is handed out at
 * once. An error keeps its place: the items before it go out first. Chunks are changed in place; they belong to us.
 */

import type { Operator } from '../stream.ts';
import { operator } from './outlet.ts';
import { afterCleanup, type Cleanup, type Failure, isPromiseLike, SILENT, type Sink, type Stage } from './stage.ts';

/** "Nothing": returned by `apply`, nothing comes out for this item; thrown, the stream ends before it. */
export const NONE: unique symbol = Symbol();

/** The type comes first, because the engine makes a call of a comparison between a symbol and anything else. */
const isNone = (value: unknown): boolean => typeof value === 'symbol' && value === NONE;

/** One operator's part in the row. */
interface Step {
  readonly _call: (item: unknown, index: number) => unknown;
  /** What comes out for the item; without it, the result. */
  readonly _apply: ((item: unknown, result: unknown) => unknown) | undefined;
  _index: number;
}

/** The operator that calls the user's function `call` for each item; the result comes out. */
export function perItem<I, R>(call: (item: I, index: number) => R | PromiseLike<R>): Operator<I, R>;
/** The same, where `apply` makes what comes out of the item and the result, once there is one. */
export function perItem<I, R, O>(
  call: (item: I, index: number) => R | PromiseLike<R>,
  apply: (item: I, result: R) => O | typeof NONE,
): Operator<I, O>;
export function perItem(call: Step['_call'], apply?: Step['_apply']): Operator<unknown, unknown> {
  return operator((stage) => {
    const step: Step = { _call: call, _apply: apply, _index: 0 };
    // A row that has been read, and has something under way, stays what it is.
    return stage instanceof Row && !stage._resume && !stage._rest
      ? new Row(stage._upstream, [...stage.steps, step])
      : new Row(stage, [step]);
  });
}

class Row implements Stage<unknown>, Sink<unknown> {
  declare readonly _upstream: Stage<unknown>;
  declare readonly steps: readonly Step[];
  private _sink: Sink<unknown> = SILENT; // the open pull's
  _resume: (() => void) | undefined; // in place of going on; while a promise is waited for, it sets itself again
  _rest: unknown[] | undefined; // of a chunk in which a function went async

  constructor(upstream: Stage<unknown>, steps: readonly Step[]) {
    this._upstream = upstream;
    this.steps = steps;
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

  // What foreign sources give; it is worth a path of its own, which is a third faster.
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

  /** Looks for something to answer the open pull with. */
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

  /** Sends an item through the steps from `at` on. */
  private _through(item: unknown, at: number): unknown {
    const { steps } = this;
    let value = item;
    while (at < steps.length && !isNone(value)) {
      const step = steps[at++] as Step;
      const result = step._call(value, step._index++);
      if (isPromiseLike(result)) return this._wait(step, value, result, at);
      value = step._apply ? step._apply(value, result) : result;
    }
    return value;
  }

  /** A function went async. Nothing comes out for its item now; it goes on by itself, from the step `at` on. */
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
      .then((settled) => [apply ? apply(item, settled) : settled]) // boxed: it may be a promise itself
      .then(
        (chunk) => settle(() => this.items(chunk, at)),
        (error) => settle(() => this._halt(error)),
      );
    wait();
    return NONE;
  }

  /** Sends a chunk through, from the step `at` on. What comes out is written over the items that are done with. */
  items(chunk: unknown[], at = 0): void {
    let count = 0;
    let place = 0;
    try {
      // A step may close the pipeline, and is asked no more then.
      while (place < chunk.length && this._sink !== SILENT) {
        const value = this._through(chunk[place++], at);
        if (!isNone(value)) chunk[count++] = value;
        else if (this._resume) {
          this._rest ??= chunk.slice(place); // there is one already if the chunk is an item that was waited for
          break;
        }
      }
    } catch (error) {
      return this._halt(error, chunk.slice(0, count));
    }
    if (count < chunk.length) chunk.length = count; // a slow call otherwise
    this._handOut(chunk);
  }

  private _handOut(chunk: unknown[]): void {
    if (chunk.length > 0) this._letGo().items(chunk);
    else this._goOn();
  }

  /** A step threw: closes the source, hands out what came before, then ends. */
  private _halt(error: unknown, before: unknown[] = []): void {
    const failure: Failure | undefined = error === NONE ? undefined : { error };
    afterCleanup(this._upstream.close(), (ofCleanup) => {
      this._resume = () => this._letGo().end(failure ?? ofCleanup);
      this._handOut(before);
    });
  }
}
