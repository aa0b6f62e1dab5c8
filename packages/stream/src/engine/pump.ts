/**
 * The stage that reads one upstream at its own pace: ahead of the reader, or past an answer that a timer has given in its
 * place.
 */

import { type Queue, type QueueHooks, queue } from './queue.ts';
import { afterCleanup, type Cleanup, type Failure, ignoreCleanup, type Sink, type Stage } from './stage.ts';

/** What an operator adds to the pump. */
export interface PumpHooks<I, O> extends QueueHooks<O> {
  /** Whether to read on now. Asked after each pull of the reader and each answer of the upstream. */
  wantsMore(): boolean;
  /** Takes an item of the upstream in. If it throws, the stream fails. */
  take(item: I): void;
  /** Takes a chunk in. Default: `take` for each of its items. */
  takeAll?(chunk: I[]): void;
  /** Lets out what is still held, when the upstream is over. */
  flush?(): void;
  /** What the end of the upstream means. Default: `flush`, then the end of the stream. */
  onSourceOver?(failure?: Failure): void;
}

export interface Pump<O> extends Queue<O> {
  /** Reads the upstream for as long as it is wanted. */
  read(): void;
  /** Ends the stream from this stage, behind what is queued, once an idle upstream has been cleaned up. */
  endEarly(failure?: Failure): void;
  /** Ends the stream at once, behind what is queued. The cleanup is started and not waited for. */
  endNow(failure?: Failure): void;
}

export function pump<I, O>(upstream: Stage<I>, hooks: PumpHooks<I, O>): Pump<O> {
  const { wantsMore, take, takeAll, flush, onSourceOver } = hooks;
  let isOpen = false; // a pull on the upstream has not been answered
  let isReading = false; // … and has not returned either
  let isSourceOver = false;

  const closeSources = (): Cleanup => {
    isSourceOver = true;
    return upstream.close();
  };

  const out: Queue<O> = queue({
    ...hooks,
    closeSources,
    onPulled() {
      read();
      hooks.onPulled?.();
    },
  });

  const endEarly = (failure?: Failure): void =>
    afterCleanup(closeSources(), (ofCleanup) => out.finish(failure ?? ofCleanup));

  /** A loop, because the upstream may answer inside `pull`. */
  const read = (): void => {
    if (isReading) return;
    isReading = true;
    while (!isOpen && !isSourceOver && !out.isEnded() && wantsMore()) {
      isOpen = true;
      upstream.pull(self);
    }
    isReading = false;
  };

  const takeEach =
    takeAll ??
    ((chunk: I[]) => {
      for (const item of chunk) take(item);
    });

  /** Takes in what the upstream has answered, then reads on. */
  const answered = <V>(act: (value: V) => void, value: V): void => {
    isOpen = false;
    if (out.isEnded()) return;
    try {
      act(value);
    } catch (error) {
      endEarly({ error });
    }
    read();
  };

  const self: Sink<I> = {
    item: (item) => answered(take, item),
    items: (chunk) => answered(takeEach, chunk),
    end(failure) {
      if (isSourceOver) return;
      isSourceOver = true;
      if (out.isEnded()) return;
      try {
        if (onSourceOver) onSourceOver(failure);
        else {
          flush?.();
          out.finish(failure);
        }
      } catch (error) {
        out.finish({ error });
      }
    },
  };

  return {
    ...out,
    read,
    endEarly,
    endNow(failure) {
      out.finish(failure);
      ignoreCleanup(closeSources());
    },
  };
}
