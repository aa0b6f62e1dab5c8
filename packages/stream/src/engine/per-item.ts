/**
 * Operators that call a function of the user's for each item. Operators of this kind in a row become one stage: an item
 * goes through all their steps before the next is looked at, so a row costs little more than one of them. A function
 * that returns a plain value costs no tick; a promise is awaited, one item at a time, and what it gives is handed out at
 * once. An error keeps its place: the items before it go out first. Chunks are changed in place; they belong to us.
 */

import type { Operator } from '../stream.ts';
import { operator } from './outlet.ts';
import { afterCleanup, type Failure, isPromiseLike, SILENT, type Sink, type Stage } from './stage.ts';

/** What `apply` returns for "nothing comes out for this item". */
export const DROP: unique symbol = Symbol('drop');
/** What `apply` throws for "the stream ends before this item". */
export const STOP: unique symbol = Symbol('stop');
/** What comes out of a step that has to be waited for. */
const LATER: unique symbol = Symbol('later');

/** One operator's part in the row: gives what comes out for the item. */
type Step = (item: unknown) => unknown;

/** A stage that the next operator can join. */
interface Row extends Stage<unknown> {
  readonly upstream: Stage<unknown>;
  readonly steps: readonly Step[];
}

/** What the step waits for that has just returned `LATER`; boxed, as an item may be a promise itself. */
let later: Promise<[unknown]>;

/**
 * The operator that calls the user's function `call` for each item; `apply` makes what comes out of the item and the
 * result, once there is one.
 */
export function perItem<I, R, O>(
  call: (item: I, index: number) => R | PromiseLike<R>,
  apply: (item: I, result: R) => O | typeof DROP,
): Operator<I, O> {
  return operator((stage) => {
    const { upstream = stage, steps = [] } = stage as Partial<Row>;
    let index = 0;
    const step = (item: I): O | typeof DROP | typeof LATER => {
      const result = call(item, index++);
      return isPromiseLike(result) ? wentAsync(item, result) : apply(item, result);
    };
    const wentAsync = (item: I, result: PromiseLike<R>): typeof LATER => {
      later = Promise.resolve(result).then((settled) => [apply(item, settled)]);
      return LATER;
    };
    return rowOf(upstream as Stage<unknown>, [...steps, step as Step]) as Stage<O>;
  });
}

function rowOf(upstream: Stage<unknown>, steps: readonly Step[]): Row {
  let sink: Sink<unknown> = SILENT; // the open pull's
  let resume: (() => void) | undefined; // in place of passing the next pull up
  let isOver = false;
  const letGo = (): Sink<unknown> => {
    const to = sink;
    sink = SILENT;
    return to;
  };

  /** Sends a chunk through, from the step `at` on. What comes out is written over the items that are done with. */
  const work = (chunk: unknown[], at = 0): void => {
    let count = 0;
    let place = 0;
    let value: unknown;
    let step = at;
    try {
      while (place < chunk.length) {
        value = chunk[place++];
        step = at;
        while (step < steps.length && value !== DROP && value !== LATER) value = (steps[step++] as Step)(value);
        if (value === LATER) break;
        if (value !== DROP) chunk[count++] = value;
      }
    } catch (error) {
      return halt(error, chunk.slice(0, count));
    }
    if (value === LATER) return wait(step, chunk.slice(place), chunk.slice(0, count));
    chunk.length = count;
    if (count > 0) letGo().items(chunk);
    else again();
  };

  /**
   * A function went async; its item goes on at step `at`. The results before it go out first; the next pull gets what the
   * promise gives.
   */
  const wait = (at: number, rest: unknown[], before: unknown[]): void => {
    const settle = (then: () => void): void => {
      if (isOver) return;
      if (sink === SILENT) resume = then;
      else then();
    };
    later.then(
      (item) =>
        settle(() => {
          // The item goes through its other steps by itself, so that it is handed out without waiting for the rest.
          if (rest.length > 0) resume = () => work(rest);
          work(item, at);
        }),
      (error) => settle(() => halt(error, [])),
    );
    if (before.length === 0) return;
    resume = () => {}; // a pull that comes before the promise has settled waits for it
    letGo().items(before);
  };

  /** A step threw: closes the source, hands out what came before, then ends. */
  const halt = (error: unknown, before: unknown[]): void => {
    isOver = true;
    const failure: Failure | undefined = error === STOP ? undefined : { error };
    afterCleanup(upstream.close(), (ofCleanup) => {
      const end = () => letGo().end(failure ?? ofCleanup);
      if (before.length === 0) return end();
      resume = end;
      letGo().items(before);
    });
  };

  /** Looks for something to answer the open pull with. */
  const again = (): void => {
    const goOn = resume;
    resume = undefined;
    if (goOn) goOn();
    else upstream.pull(self);
  };

  const self: Sink<unknown> = {
    // What foreign sources give; it is worth a path of its own, which is a third faster.
    item(value) {
      let step = 0;
      try {
        while (step < steps.length && value !== DROP && value !== LATER) value = (steps[step++] as Step)(value);
      } catch (error) {
        return halt(error, []);
      }
      if (value === DROP) again();
      else if (value === LATER) wait(step, [], []);
      else letGo().item(value);
    },
    items: (chunk) => work(chunk),
    end: (failure) => letGo().end(failure),
  };

  return {
    upstream,
    steps,
    pull(to) {
      sink = to;
      again();
    },
    close() {
      isOver = true;
      resume = undefined;
      const cleanup = upstream.close();
      letGo().end();
      return cleanup;
    },
  };
}
