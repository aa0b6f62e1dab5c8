/**
 * The newest question's answer.
 */

import { stageOf } from './engine/inlet.ts';
import { operator } from './engine/outlet.ts';
import { type Pump, pump } from './engine/pump.ts';
import { allCleanups, type Cleanup, ignoreCleanup, isPromiseLike, type Sink, type Stage } from './engine/stage.ts';
import type { Operator, Source } from './stream.ts';

type Answer<I, O> = (input: I, context: { readonly signal: AbortSignal }) => Source<O> | PromiseLike<Source<O>>;

/**
 * The items of `fn(input)` for the newest input. A new input aborts the signal of the one before, closes its stream
 * without waiting for it, and drops what of it has not been read, late items and errors included. Inputs are read as
 * fast as they come, from the first `next()` on. Ends when the inputs and the last stream have ended.
 *
 * @example
 * pipe(queries, latest((query, { signal }) => search(query, signal)), forEach(show));
 */
export function latest<I, O>(fn: Answer<I, O>): Operator<I, O> {
  return operator((inputs) => {
    let inner: Inner<O> | undefined;
    let hasEndedInputs = false;
    const both: Stage<I> = {
      pull: inputs.pull,
      close() {
        const open = inner;
        inner = undefined;
        return allCleanups([open?.close(), inputs.close()]);
      },
    };

    const takeAll = (chunk: I[]): void => {
      const input = chunk[chunk.length - 1] as I;
      ignoreCleanup(inner?.close());
      out.fifo.clear();
      const own = readInner<O>((signal) => fn(input, { signal }), {
        item: (value) => out.offer(value),
        items: (chunk) => out.offerAll(chunk),
        end(failure) {
          inner = undefined;
          if (failure) out.endEarly(failure);
          else if (hasEndedInputs) out.finish();
        },
      });
      inner = own;
      own.start();
      if (out.isWaited()) own.pull();
    };

    const out: Pump<O> = pump<I, O>(both, {
      wantsMore: () => true,
      take: (item) => takeAll([item]),
      takeAll,
      onSourceOver(failure) {
        hasEndedInputs = true;
        if (failure) out.endNow(failure);
        else if (inner === undefined) out.finish();
      },
      onPulled() {
        if (out.isWaited()) inner?.pull();
      },
    });
    return out;
  });
}

/** One input's stream, from the call of the user's function to its end or its replacement. */
interface Inner<_O> {
  start(): void;
  pull(): void;
  close(): Cleanup;
}

function readInner<O>(call: (signal: AbortSignal) => Source<O> | PromiseLike<Source<O>>, to: Sink<O>): Inner<O> {
  const controller = new AbortController();
  let stage: Stage<O> | undefined;
  let isClosed = false;
  let isWanted = false;
  let isOpen = false;

  /** What comes counts only while this is the newest input's stream. */
  const answer = (act: () => void): void => {
    isOpen = false;
    if (!isClosed) act();
  };
  const answers: Sink<O> = {
    item: (value) => answer(() => to.item(value)),
    items: (chunk) => answer(() => to.items(chunk)),
    end: (failure) => answer(() => to.end(failure)),
  };
  const fail = (error: unknown): void => answers.end({ error });
  const open = (source: Source<O>): void => {
    stage = stageOf(source);
    if (isClosed) ignoreCleanup(stage.close());
    else if (isWanted) pull();
  };
  const pull = (): void => {
    isWanted = true;
    if (stage === undefined || isOpen || isClosed) return;
    isOpen = true;
    isWanted = false;
    stage.pull(answers);
  };
  return {
    start() {
      try {
        const source = call(controller.signal);
        if (isPromiseLike(source)) source.then(open).then(undefined, fail);
        else open(source);
      } catch (error) {
        fail(error);
      }
    },
    pull,
    close() {
      isClosed = true;
      controller.abort();
      return stage?.close();
    },
  };
}
