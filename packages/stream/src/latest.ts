/**
 * `latest`: only the stream for the newest input counts, as in search-as-you-type. (Known elsewhere as `switchMap`.)
 */

import { Fifo } from './engine/fifo.ts';
import { lateStage } from './engine/late-stage.ts';
import { operator } from './engine/outlet.ts';
import { type Pump, pump } from './engine/pump.ts';
import { allCleanups, type Cleanup, ignoreCleanup, SILENT, type Sink, type Stage } from './engine/stage.ts';
import type { Operator, Source } from './stream.ts';

type Answer<I, O> = (input: I, context: { readonly signal: AbortSignal }) => Source<O> | PromiseLike<Source<O>>;

/**
 * The items of `fn(input)` for the newest input. A new input aborts the previous input's signal, closes its stream
 * without waiting for the cleanup, and drops whatever of it has not been read, including late items and errors. Inputs
 * are read as fast as they come, starting with the first `next()`. Ends when the inputs and the last stream have ended.
 *
 * @example
 * pipe(queries, latest((query, { signal }) => search(query, signal)), forEach(show));
 */
export function latest<I, O>(fn: Answer<I, O>): Operator<I, O> {
  return operator((inputs) => {
    let inner: Stage<O> | undefined;
    let controller = new AbortController(); // for the newest input
    let isInnerOpen = false; // a pull on the inner stream has not been answered
    let hasEndedInputs = false;
    const queue = new Fifo<O>();

    const closeInner = (): Cleanup => {
      const open = inner;
      inner = undefined;
      isInnerOpen = false;
      controller.abort();
      return open?.close();
    };

    /** The sink for `stage`. Closing a stage ends it, which counts only if it belongs to the newest input. */
    const answersOf = (stage: Stage<O>): Sink<O> => ({
      item(value) {
        isInnerOpen = false;
        out.offer(value);
        out.run();
      },
      items(chunk) {
        isInnerOpen = false;
        // All of it before the reader hears of any: who asks for more in between may be told of the end.
        for (const value of chunk) queue.push(value);
        out.run();
      },
      end(failure) {
        if (stage !== inner) return;
        inner = undefined;
        isInnerOpen = false;
        if (failure) out.endEarly(failure);
        else if (hasEndedInputs) out.finish();
        out.run();
      },
    });

    const out: Pump<O> = pump<I, O>(
      { pull: (to) => inputs.pull(to), close: () => allCleanups([closeInner(), inputs.close()]) },
      {
        queue,
        capacity: 1, // what has been lent to the reader could not be dropped any more
        wantsMore: () => true,
        takeAll(chunk) {
          ignoreCleanup(closeInner());
          queue.clear();
          controller = new AbortController();
          const { signal } = controller;
          inner = lateStage(() => fn(chunk.at(-1) as I, { signal }));
          inner.pull(SILENT); // calls `fn` now, but does not read its stream yet
        },
        onSourceOver(failure) {
          hasEndedInputs = true;
          if (failure) out.endNow(failure);
          else if (!inner) out.finish();
          return true;
        },
        onTurn() {
          if (!inner || isInnerOpen || !out.isWaited()) return;
          isInnerOpen = true;
          inner.pull(answersOf(inner));
        },
      },
    );
    return out;
  });
}
