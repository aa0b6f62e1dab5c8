/**
 * A stream for every item, one after the other.
 */

import { stageOf } from './engine/inlet.ts';
import { operator } from './engine/outlet.ts';
import { relay } from './engine/relay.ts';
import { allCleanups, ignoreCleanup, isPromiseLike, type Sink, type Stage } from './engine/stage.ts';
import type { Operator, Source } from './stream.ts';

/**
 * The items of `fn(item)` for every item, in order. The next inner stream is made when the one before has ended.
 * Closing closes the inner stream before the source.
 *
 * @example
 * pipe(pages, flatMap((page) => page.items));
 */
export function flatMap<I, O>(fn: (item: I, index: number) => Source<O> | PromiseLike<Source<O>>): Operator<I, O> {
  return operator((upstream) => {
    let inner: Stage<O> | undefined;
    const both: Stage<I> = {
      pull: upstream.pull,
      close: () => allCleanups([inner?.close(), upstream.close()]),
    };
    return relay<I, O>(both, (out) => {
      let index = 0;
      let rest: I[] = []; // the last is the next
      let isOpening = false;
      let wasEmpty = false; // the stream that is being opened ended at once

      /** Opens the next inner stream; in a loop, as long as they are empty. */
      const openNext = (): void => {
        wasEmpty = true;
        if (isOpening) return;
        isOpening = true;
        while (wasEmpty && rest.length > 0) {
          wasEmpty = false;
          try {
            const source = fn(rest.pop() as I, index++);
            if (isPromiseLike(source)) source.then(open, fail);
            else open(source);
          } catch (error) {
            fail(error);
          }
        }
        isOpening = false;
        if (wasEmpty) out.again();
      };

      const open = (source: Source<O>): void => {
        const stage = stageOf(source);
        if (out.isOver()) return ignoreCleanup(stage.close()); // it came too late for anyone to hear of it
        inner = stage;
        stage.pull(answers);
      };

      const fail = (error: unknown): void => {
        inner = undefined;
        if (!out.isOver()) out.endEarly([], { error });
      };

      const goOn = (): void => inner?.pull(answers);
      const answers: Sink<O> = {
        item(value) {
          out.instead(goOn);
          out.item(value);
        },
        items(chunk) {
          out.instead(goOn);
          out.items(chunk);
        },
        end(failure) {
          if (out.isOver()) return;
          if (failure) return fail(failure.error);
          inner = undefined;
          openNext();
        },
      };

      return {
        item(value) {
          rest = [value];
          openNext();
        },
        items(chunk) {
          rest = chunk.reverse();
          openNext();
        },
      };
    });
  });
}
