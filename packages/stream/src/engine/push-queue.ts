/**
 * The stage behind `pushable`, with the means to write it; also that of the bridges from events.
 */

import { OverflowError } from '../overflow.ts';
import type { Pushable, PushableOptions } from '../pushable.ts';
import type { Stream } from '../stream.ts';
import { type Queue, queue } from './queue.ts';
import type { Cleanup, Stage } from './stage.ts';

export interface PushQueue<T> {
  readonly stage: Stage<T>;
  readonly writer: Omit<Pushable<T>, keyof Stream<T>>;
}

export interface PushQueueOptions<T> extends PushableOptions<T> {
  /** Called with each pull. */
  onPull?: () => void;
  /** Called on every ending, at least once. */
  onOver?: () => void;
}

export function pushQueue<T>(options: PushQueueOptions<T>): PushQueue<T> {
  const { overflow = 'error', onDrop, onClose, onPull, onOver } = options;
  const capacity = Math.max(1, options.capacity ?? 1024);
  let waiters: (() => void)[] = [];
  let dropped = 0;

  const hasRoom = (): boolean => out.isWaited() || out.held() < capacity;

  const wake = (): void => {
    const woken = waiters;
    waiters = [];
    for (const resolve of woken) resolve();
  };

  const overflowWith = (item: T): void => {
    if (out.isEnded()) return;
    if (overflow === 'error') return out.finish({ error: new OverflowError(capacity) });
    const { fifo } = out;
    dropped++;
    // After a large `pushMany` everything may be lent to the reader; then there is nothing older left to drop.
    if (overflow === 'drop-newest' || fifo.size === 0) return onDrop?.(item);
    const oldest = fifo.shift();
    fifo.push(item);
    onDrop?.(oldest);
  };

  const out: Queue<T> = queue<T>({
    capacity,
    onPull: onPull ?? (() => {}),
    onPulled() {
      if (hasRoom()) wake();
    },
    onOver() {
      wake();
      onOver?.();
    },
  });

  const close = (): Cleanup => {
    const wasEnded = out.isEnded();
    out.close();
    if (wasEnded) return undefined;
    try {
      const closing = onClose?.();
      return closing === undefined ? undefined : Promise.resolve(closing);
    } catch (error) {
      return Promise.reject(error);
    }
  };

  return {
    stage: { pull: out.pull, close },
    writer: {
      push(item) {
        if (out.isEnded()) return false;
        if (hasRoom()) out.offer(item);
        else overflowWith(item);
        return hasRoom() && !out.isEnded();
      },
      pushMany(items) {
        if (out.isEnded()) return false;
        if (hasRoom()) out.offerAll([...items]);
        else for (const item of items) overflowWith(item);
        return hasRoom() && !out.isEnded();
      },
      async ready() {
        if (!hasRoom() && !out.isEnded()) await new Promise<void>((resolve) => waiters.push(resolve));
        return !out.isEnded();
      },
      end: () => out.finish(),
      fail: (error) => out.finish({ error }),
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
