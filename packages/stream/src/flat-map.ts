/**
 * A stream for every item, one after the other.
 */

import { stageOf } from './engine/inlet.ts';
import { Linear } from './engine/linear.ts';
import { Outlet } from './engine/outlet.ts';
import { allCleanups, type Cleanup, type Sink, type Stage } from './engine/stage.ts';
import type { Operator, Source } from './stream.ts';

/**
 * The items of `fn(item)` for every item, in order. The next inner stream is made when the one before has ended.
 * Closing closes the inner stream before the source.
 *
 * @example
 * pipe(pages, flatMap((page) => page.items));
 */
export function flatMap<I, O>(fn: (item: I, index: number) => Source<O> | PromiseLike<Source<O>>): Operator<I, O> {
  return (source) => new Outlet(new FlatMapStage(stageOf(source), fn));
}

class FlatMapStage<I, O> extends Linear<I, O> {
  private readonly fn: (item: I, index: number) => Source<O> | PromiseLike<Source<O>>;
  private index = 0;
  private rest: I[] = [];
  private inner: Stage<O> | undefined;
  private isClosed = false;

  constructor(upstream: Stage<I>, fn: (item: I, index: number) => Source<O> | PromiseLike<Source<O>>) {
    super(upstream);
    this.fn = fn;
  }

  override items(chunk: I[]): void {
    this.rest = chunk.reverse(); // so that taking the next is a pop
    this.openNext();
  }

  override close(): Cleanup {
    this.isClosed = true;
    this.rest = [];
    return allCleanups([this.inner?.close(), super.close()]);
  }

  private openNext(): void {
    if (this.rest.length === 0) {
      this.pullAgain();
      return;
    }
    const fail = (error: unknown) => this.endEarly([], { error });
    try {
      const source = this.fn(this.rest.pop() as I, this.index++);
      if (isPromiseLike(source)) source.then((late) => this.open(late), fail);
      else this.open(source);
    } catch (error) {
      fail(error);
    }
  }

  private open(source: Source<O>): void {
    const inner = stageOf(source);
    if (this.isClosed) {
      inner.close()?.catch(() => {}); // it came too late for anyone to hear of it
      return;
    }
    this.inner = inner;
    this.resume = () => inner.pull(this.answers);
    this.pullAgain();
  }

  private readonly answers: Sink<O> = {
    items: (chunk) => {
      const { inner } = this;
      if (inner !== undefined) this.resume = () => inner.pull(this.answers);
      this.answer(chunk);
    },
    done: () => {
      this.inner = undefined;
      if (this.rest.length > 0) this.resume = () => this.openNext();
      this.pullAgain();
    },
    fail: (error) => {
      this.inner = undefined;
      this.endEarly([], { error });
    },
  };
}

const isPromiseLike = <T>(value: Source<T> | PromiseLike<Source<T>>): value is PromiseLike<Source<T>> =>
  typeof (value as PromiseLike<Source<T>>).then === 'function';
