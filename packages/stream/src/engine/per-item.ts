/**
 * Operators that call a function of the user's for each item. Operators of this kind in a row become one stage: an item
 * goes through all their steps before the next is looked at, so a row costs little more than one of them. A function
 * that returns a plain value costs no tick; a promise is awaited, one item at a time, and what it gives is handed out at
 * once. An error keeps its place: the items before it go out first. Chunks are changed in place; they belong to us.
 */

import type { Operator } from '../stream.ts';
import { operator } from './outlet.ts';
import { relay } from './relay.ts';
import type { Stage } from './stage.ts';

/** Returned by a step for "nothing comes out for this item". */
export const DROP: unique symbol = Symbol('drop');
/** Returned by a step for "the stream ends before this item". */
export const STOP: unique symbol = Symbol('stop');
/** Returned by a step for "the user's function went async"; `went` says how. */
const LATER: unique symbol = Symbol('later');

type Signal = typeof DROP | typeof STOP | typeof LATER;

// `instanceof` would read better than symbols, and costs 40 ns a step in bundles, which turn classes into variables.
const isSignal = (value: unknown): value is Signal =>
  typeof value === 'symbol' && (value === DROP || value === STOP || value === LATER);

/** A call of a user's function that is not settled yet. */
interface Call<I, R> {
  readonly item: I;
  readonly result: PromiseLike<R>;
  readonly apply: (item: I, result: R) => unknown;
}

/** The call that a step has just answered `LATER` for; it is picked up at once. */
let went: Call<never, never>;

/** One operator's part in the stage: the item that comes out, or a signal. What it throws ends the stream. */
export type Step<I, O> = (item: I) => O | Signal;

/** A step's answer when the user's function went async; `apply` makes the item of its result, or a signal. */
export function later<I, R, O>(item: I, result: PromiseLike<R>, apply: (item: I, result: R) => O | Signal): Signal {
  went = { item, result, apply } as Call<I, R> as never;
  return LATER;
}

/** The rows of steps that exist, so that the next operator can join. */
const rows = new WeakMap<Stage<never>, { upstream: Stage<unknown>; steps: readonly Step<never, unknown>[] }>();

/** The operator made of a step, which is made anew for each stream, so it may keep state. */
export function perItem<I, O>(makeStep: () => Step<I, O>): Operator<I, O> {
  return operator((stage) => {
    const row = rows.get(stage as Stage<never>) ?? { upstream: stage, steps: [] };
    const steps = [...row.steps, makeStep() as Step<never, unknown>];
    const joined = rowOf<O>(row.upstream, steps as Step<unknown, unknown>[]);
    rows.set(joined as Stage<never>, { upstream: row.upstream, steps });
    return joined;
  });
}

function rowOf<O>(upstream: Stage<unknown>, steps: readonly Step<unknown, unknown>[]): Stage<O> {
  return relay<unknown, O>(upstream, (out) => {
    /**
     * Sends the item at `place`, which is `value` by now, through the steps from `step` on; then the items behind it. What
     * comes out is written over those that are done with.
     */
    const run = (chunk: unknown[], place: number, value: unknown, step: number): void => {
      let count = 0;
      const before = () => chunk.slice(0, count) as O[];
      for (;;) {
        try {
          while (step < steps.length && !isSignal(value)) {
            value = (steps[step++] as Step<unknown, unknown>)(value);
          }
        } catch (error) {
          return out.endEarly(before(), { error });
        }
        if (value === STOP) return out.endEarly(before());
        if (value === LATER) return wait(step, chunk.slice(place + 1), before());
        if (value !== DROP) chunk[count++] = value;
        if (++place >= chunk.length) break;
        value = chunk[place];
        step = 0;
      }
      chunk.length = count;
      if (count > 0) out.items(chunk as O[]);
      else out.again();
    };

    /** A function went async. The results before it go out first; the next pull gets what the promise gives. */
    const wait = (step: number, rest: unknown[], before: O[]): void => {
      const { item, result: promise, apply } = went as unknown as Call<unknown, unknown>;
      promise.then(
        (result) =>
          settle(() => {
            // The item goes through its other steps by itself, so that it is handed out without waiting for the rest.
            if (rest.length > 0) out.instead(() => run(rest, 0, rest[0], 0));
            run([item], 0, apply(item, result), step);
          }),
        (error) => settle(() => out.endEarly([], { error })),
      );
      if (before.length === 0) return;
      out.instead(() => {}); // a pull that comes before the promise has settled waits for it
      out.items(before);
    };

    const settle = (then: () => void): void => {
      if (!out.isOver()) out.whenAsked(then);
    };

    return {
      // What foreign sources give; it is worth a loop of its own, which is a third faster.
      item(value) {
        let step = 0;
        try {
          do value = (steps[step++] as Step<unknown, unknown>)(value);
          while (!isSignal(value) && step < steps.length);
        } catch (error) {
          return out.endEarly([], { error });
        }
        if (!isSignal(value)) out.item(value as O);
        else if (value === DROP) out.again();
        else if (value === STOP) out.endEarly([]);
        else wait(step, [], []);
      },
      items: (chunk) => run(chunk, 0, chunk[0], 0),
    };
  });
}
