/**
 * One source for any number of readers: a shared queue of the newest items, and a place in it for each reader. Behind
 * `tee` and `broadcast`.
 */

import type { BroadcastOptions, SubscribeOptions } from '../broadcast.ts';
import { LaggedError } from '../lagged-error.ts';
import { Fifo } from './fifo.ts';
import { pump, type Queue } from './pump.ts';
import { type Cleanup, type Failure, SILENT, type Sink, type Stage } from './stage.ts';

export interface Hub<T> {
  subscribe<L>(options: SubscribeOptions<L>): Stage<T | L>;
  /** How many items have come. */
  count(): number;
  readers(): number;
  /** Ends all readers behind what they have. */
  close(): Cleanup;
}

/** One reader, as the hub sees it. */
interface Reader<T> {
  /** The number of the item to be read next. */
  next: number;
  /** The open pull's sink, while there is nothing for it. */
  sink: Sink<T>;
  /** Whether it gets the item that is being given out. Noted before, as one reader may pull from another meanwhile. */
  isNext: boolean;
  /** How many items of the last chunk have not been come to yet, as far as can be known; see `pump.ts`. */
  lent: number;
  /** Whether the source may have to wait for it. */
  readonly isBlocking: boolean;
  /** More has come, or the end. */
  onMore(): void;
}

export function hubOf<T>(source: Stage<T>, options: BroadcastOptions): Hub<T> {
  const { replay = 0 } = options;
  const capacity = Math.max(1, options.capacity ?? 1024);
  const isDetached = options.source === 'detached';
  const kept = new Fifo<T>(); // the newest items
  let end = 0; // the number of the next item
  let readers: readonly Reader<T>[] = []; // a new list with each change, so that a loop over it is not disturbed
  let ending: { failure: Failure | undefined } | undefined;
  let isOpen = false; // a pull on the source has not been answered
  let isReading = false;
  let isServing = false;

  /** The number of the oldest item. */
  const start = (): number => end - kept.size;

  /** Reads the source for as long as somebody wants it to be read and nobody holds it up. */
  const read = (): void => {
    if (isReading || isServing) return;
    isReading = true;
    while (!isOpen && !ending && isWanted()) {
      isOpen = true;
      source.pull(arrivals);
    }
    isReading = false;
  };

  const isWanted = (): boolean => {
    let isAsked = isDetached;
    for (const reader of readers) {
      if (reader.sink !== SILENT) isAsked = true;
      else if (reader.isBlocking && end - reader.next + reader.lent >= capacity) return false;
    }
    return isAsked;
  };

  const arrivals: Sink<T> = {
    item(value) {
      // Those who wait have read everything. It is kept for the others.
      let isKept = replay > 0;
      end++;
      for (const reader of readers) {
        reader.isNext = reader.sink !== SILENT;
        if (reader.isNext) reader.next = end;
        else isKept = true;
      }
      if (isKept) kept.push(value);
      isServing = true;
      for (const reader of readers) {
        if (reader.isNext) letGo(reader).item(value);
        else reader.onMore();
      }
      arrived();
    },
    items(chunk) {
      for (const item of chunk) kept.push(item);
      end += chunk.length;
      isServing = true;
      for (const reader of readers) reader.onMore();
      arrived();
    },
    end: (failure) => finish(failure),
  };

  const arrived = (): void => {
    isOpen = false;
    isServing = false;
    trim();
    read();
  };

  /** Forgets what no reader needs any more. */
  const trim = (): void => {
    if (isServing) return; // once for all readers, afterwards
    let needed = end - replay;
    for (const reader of readers) needed = Math.min(needed, reader.next);
    while (start() < needed) kept.shift();
  };

  const finish = (failure?: Failure): void => {
    if (ending) return;
    ending = { failure };
    for (const reader of readers) reader.onMore();
  };

  const close = (): Cleanup => {
    if (ending) return undefined;
    const cleanup = source.close();
    finish();
    return cleanup;
  };

  function subscribe<L>(subscription: SubscribeOptions<L>): Stage<T | L> {
    const { from = end - replay, slow = 'block' } = subscription;
    let missed = subscription.from === undefined ? 0 : Math.max(0, start() - from);

    /** What this reader has not read: a view of what is kept, with a mark in front if something is missing. */
    const unread: Queue<T | L> = {
      get size() {
        return end - self.next + (missed > 0 ? 1 : 0);
      },
      take(count) {
        if (missed > 0) return [mark()];
        const place = self.next - start();
        self.next += count;
        self.lent = count - 1;
        const chunk = Array.from({ length: count }, (_, index) => kept.at(place + index));
        if (place === 0) trim();
        return chunk;
      },
      clear() {
        self.next = end;
        missed = 0;
      },
      push() {}, // nothing is offered
    };

    const mark = (): L => {
      const count = missed;
      missed = 0;
      if ('lagged' in subscription) return subscription.lagged(count);
      unread.clear();
      throw new LaggedError(count);
    };

    const leave = (): Cleanup => {
      if (!readers.includes(self)) return undefined;
      readers = readers.filter((other) => other !== self);
      if (!ending && readers.length === 0 && !isDetached) return close();
      trim();
      read();
      return undefined;
    };

    // Serves what has been read for others before, and the end.
    const late = pump<never, T | L>({ pull() {}, close: leave }, { capacity, queue: unread });

    const self: Reader<T> = {
      next: Math.min(Math.max(from, start()), end),
      sink: SILENT,
      isNext: false,
      lent: 0,
      isBlocking: slow === 'block',
      onMore() {
        if (ending) late.finish(ending.failure);
        if (self.sink !== SILENT) late.pull(letGo(self));
        if (ending && unread.size === 0) leave();
        const excess = end - self.next - capacity;
        if (excess <= 0 || slow === 'block') return;
        self.next += excess;
        missed += excess;
      },
    };
    readers = [...readers, self];
    if (ending) self.onMore();
    return {
      pull(to) {
        self.lent = 0;
        if (unread.size > 0 || ending) {
          late.pull(to);
          if (ending && unread.size === 0) leave();
        } else self.sink = to as Sink<T>;
        read();
      },
      close() {
        const cleanup = late.close();
        letGo(self).end();
        return cleanup;
      },
    };
  }

  if (isDetached) read();
  return { subscribe, count: () => end, readers: () => readers.length, close };
}

function letGo<T>(reader: Reader<T>): Sink<T> {
  const to = reader.sink;
  reader.sink = SILENT;
  return to;
}
