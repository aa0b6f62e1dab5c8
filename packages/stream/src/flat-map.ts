/**
 * `flatMap`: replaces each item by the items of a stream of its own, one such stream at a time.
 */

import { lateStage } from './engine/late-stage.ts';
import { operator } from './engine/outlet.ts';
import { type Pump, pump } from './engine/pump.ts';
import { allCleanups, type Sink, type Stage } from './engine/stage.ts';
import type { Operator, Source } from './stream.ts';

/**
 * The items of `fn(item)` for every item, in order. The next inner stream is opened when the one before has ended.
 * Closing closes the inner stream first, then the source.
 *
 * @example
 * pipe(pages, flatMap((page) => page.items));
 */
export function flatMap<I, O>(fn: (item: I, index: number) => Source<O> | PromiseLike<Source<O>>): Operator<I, O> {
  return operator((upstream) => {
    let inner: Stage<O> | undefined;
    let isInnerOpen = false; // a pull on it has not been answered
    let rest: I[] = []; // of a chunk, reversed: the next item is the last
    let index = 0;

    const both: Stage<I> = {
      pull: (to) => upstream.pull(to),
      close: () => allCleanups([inner?.close(), upstream.close()]),
    };

    const isBetween = (): boolean => !inner && rest.length === 0;

    const answers: Sink<O> = {
      item(value) {
        this.items([value]);
      },
      items(chunk) {
        isInnerOpen = false;
        out.offerAll(chunk);
        out.run();
      },
      end(failure) {
        isInnerOpen = false;
        inner = undefined;
        if (failure) out.endEarly(failure);
        else out.run();
      },
    };

    const out: Pump<O> = pump<I, O>(both, {
      wantsMore: () => out.isWaited() && isBetween(),
      takeAll(chunk) {
        rest = chunk.reverse();
      },
      onTurn() {
        if (!out.isWaited() || isInnerOpen || isBetween()) return;
        isInnerOpen = true;
        inner ??= lateStage(() => fn(rest.pop() as I, index++));
        inner.pull(answers);
      },
    });
    return out;
  });
}
