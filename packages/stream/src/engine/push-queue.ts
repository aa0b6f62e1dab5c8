/**
 * The engine of `pushable` and `fromEvents`: a bounded queue whose one end is a stage and whose other end is a writer.
 */

import { OverflowError } from '../overflow.ts';
import type { Pushable, PushableOptions } from '../pushable.ts';
import type { Stream } from '../stream.ts';
import { atLeast } from './at-least.ts';
import { Fifo } from './fifo.ts';
import { pump } from './pump.ts';
import type { Failure, Stage } from './stage.ts';

export interface PushQueue<T> {
  readonly stage: Stage<T>;
  readonly writer: Omit<Pushable<T>, keyof Stream<T>>;
}

export interface PushQueueOptions<T> extends PushableOptions<T> {
  /** Called with each pull. */
  onPull?: (() => void) | undefined;
  /** Called at least once, however the stream ends. */
  onOver?: () => void;
}

export function pushQueue<T>(options: PushQueueOptions<T>): PushQueue<T> {
  const { overflow = 'error', onDrop, onPull, onOver } = options;
  let { onClose } = options; // cleared once the stream is over
  const capacity = atLeast(1, options.capacity ?? 1024);
  const fifo = new Fifo<T>();
  const waiters: (() => void)[] = [];
  let dropped = 0;

  const hasRoom = (): boolean => out.isWaited() || out.held() < capacity;

  const canGoOn = (): boolean => !out.isEnded() && hasRoom();

  const wake = (): void => {
    for (const resolve of waiters.splice(0)) resolve();
  };

  const overflowWith = (item: T): void => {
    if (out.isEnded()) return;
    if (overflow === 'error') return finish({ error: new OverflowError(capacity) });
    dropped++;
    // After a large `pushMany` everything may be lent to the reader; then there is nothing older left to drop.
    if (overflow === 'drop-newest' || fifo.length === 0) return onDrop?.(item);
    const oldest = fifo.shift();
    fifo.push(item);
    onDrop?.(oldest);
  };

  const finish = (failure?: Failure): void => {
    onClose = undefined;
    out.finish(failure);
  };

  // Stands in for the upstream of other pumps: it never answers, because items are pushed.
  const outside: Stage<never> = {
    pull() {},
    async close() {
      const tellWriter = onClose;
      onClose = undefined;
      await tellWriter?.();
    },
  };

  const out = pump<never, T>(outside, {
    queue: fifo,
    capacity,
    onPull,
    onTurn() {
      if (hasRoom()) wake();
    },
    onOver() {
      wake();
      onOver?.();
    },
  });

  return {
    stage: out,
    writer: {
      push(item) {
        if (hasRoom()) out.offer(item);
        else overflowWith(item);
        return canGoOn();
      },
      pushMany(items) {
        if (hasRoom()) {
          out.offerAll([...items]);
          out.run();
        } else for (const item of items) overflowWith(item);
        return canGoOn();
      },
      async ready() {
        if (!hasRoom() && !out.isEnded()) await new Promise<void>((resolve) => waiters.push(resolve));
        return !out.isEnded();
      },
      end: () => finish(),
      fail: (error) => finish({ error }),
      get isOver() {
        return out.isEnded();
      },
      get size() {
        return out.held();
      },
      get dropped() {
        return dropped;
      },
    },
  };
}
