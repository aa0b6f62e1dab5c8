/**
 * Reads a stream to its end.
 */

import { stageOf } from './engine/inlet.ts';
import { afterCleanup, type Ending, type Sink, type Stage } from './engine/stage.ts';
import { inNextTurn, isOverBudget } from './engine/time-budget.ts';
import type { Source } from './stream.ts';

/**
 * Calls `fn` for every item; the promise resolves at the end of the stream and rejects with its error. A promise that
 * `fn` returns is awaited before the next item, which holds the source back. If `fn` throws, the source is closed
 * first. The fastest way to read: items that are ready together cost no promise each. To stop from outside, put
 * `abortable(signal)` or `interruptible(signal)` before it.
 *
 * @example
 * await pipe(tokens, map(encode), forEach((frame) => socket.send(frame)));
 */
export function forEach<T>(fn: (item: T, index: number) => unknown): (source: Source<T>) => Promise<void> {
  return (source) => new Promise((resolve, reject) => new Drain(stageOf(source), fn, resolve, reject).read());
}

class Drain<T> implements Sink<T> {
  private readonly stage: Stage<T>;
  private readonly fn: (item: T, index: number) => unknown;
  private readonly resolve: () => void;
  private readonly reject: (error: unknown) => void;
  private index = 0;
  private isReading = false;
  private isReadAgain = false;

  constructor(
    stage: Stage<T>,
    fn: (item: T, index: number) => unknown,
    resolve: () => void,
    reject: (error: unknown) => void,
  ) {
    this.stage = stage;
    this.fn = fn;
    this.resolve = resolve;
    this.reject = reject;
  }

  /** Asks for the next chunk; a loop, because the stage may answer inside `pull`. */
  read(): void {
    this.isReadAgain = true;
    if (this.isReading) return;
    this.isReading = true;
    while (this.isReadAgain) {
      this.isReadAgain = false;
      this.stage.pull(this);
    }
    this.isReading = false;
  }

  items(chunk: T[]): void {
    this.work(chunk, 0);
  }

  done(): void {
    this.resolve();
  }

  fail(error: unknown): void {
    this.reject(error);
  }

  private work(chunk: T[], from: number): void {
    const { fn } = this;
    for (let at = from; at < chunk.length; at++) {
      let result: unknown;
      try {
        result = fn(chunk[at] as T, this.index++);
      } catch (error) {
        this.stop({ error });
        return;
      }
      if (isPromiseLike(result)) {
        result.then(
          () => this.work(chunk, at + 1),
          (error) => this.stop({ error }),
        );
        return;
      }
      if (isOverBudget(1)) {
        inNextTurn(() => this.work(chunk, at + 1));
        return;
      }
    }
    this.read();
  }

  private stop(ending: Exclude<Ending, 'done'>): void {
    afterCleanup(this.stage.close(), () => this.reject(ending.error));
  }
}

const isPromiseLike = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
