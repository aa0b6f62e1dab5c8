/**
 * One source for any number of readers: a shared queue of the newest items, and a place in it for each reader. Behind
 * `tee` and `broadcast`.
 */

import type { BroadcastOptions, SubscribeOptions } from '../broadcast.ts';
import { LaggedError } from '../lagged-error.ts';
import { Fifo } from './fifo.ts';
import { type Cleanup, type Failure, ignoreCleanup, SILENT, type Sink, type Stage } from './stage.ts';
import { inNextTurn, isOverBudget } from './time-budget.ts';

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
  /** Whether it asks for more. */
  isAsking(): boolean;
  /** Whether the source has to wait for it. */
  isBlocking(): boolean;
  /** The newest item has come; it is given, as most readers have read all before it. */
  onItem(item: T): void;
  /** More has come, or the end. */
  onMore(): void;
}

export function hubOf<T>(source: Stage<T>, options: BroadcastOptions): Hub<T> {
  const { replay = 0 } = options;
  const capacity = Math.max(1, options.capacity ?? 1024);
  const isDetached = options.source === 'detached';
  const kept = new Fifo<T>(); // the items numbered from `start` to `end`
  let start = 0;
  let end = 0;
  let readers: readonly Reader<T>[] = []; // a new list with each change, so that a loop over it is not disturbed
  let ending: { failure: Failure | undefined } | undefined;
  let isOpen = false; // a pull on the source has not been answered
  let isReading = false;
  let isServing = false;

  /** Reads the source for as long as somebody wants it to be read and nobody holds it up. */
  const read = (): void => {
    if (isReading) return;
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
      if (reader.isBlocking()) return false;
      isAsked ||= reader.isAsking();
    }
    return isAsked;
  };

  const arrivals: Sink<T> = {
    item(value) {
      isOpen = false;
      kept.push(value);
      end++;
      isServing = true;
      for (const reader of readers) reader.onItem(value);
      served();
    },
    items(chunk) {
      isOpen = false;
      for (const item of chunk) kept.push(item);
      end += chunk.length;
      isServing = true;
      for (const reader of readers) reader.onMore();
      served();
    },
    end: (failure) => finish(failure),
  };

  const served = (): void => {
    isServing = false;
    trim();
    read();
  };

  /** Forgets what no reader needs any more. */
  const trim = (): void => {
    if (isServing) return; // once for all readers, afterwards
    let needed = Math.max(0, end - replay);
    for (const reader of readers) if (reader.next < needed) needed = reader.next;
    for (; start < needed; start++) kept.shift();
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

  const forget = (reader: Reader<T>): void => {
    readers = readers.filter((other) => other !== reader);
  };

  function subscribe<L>(subscription: SubscribeOptions<L>): Stage<T | L> {
    const { from = end - replay, slow = 'block' } = subscription;
    let sink: Sink<T | L> = SILENT; // the open pull's
    let missed = subscription.from === undefined ? 0 : Math.max(0, start - from);
    // How many items of the last chunk have not been come to yet, as far as can be known; see `queue.ts`.
    let lent = 0;
    let state: 'idle' | 'serving' | 'resting' | 'over' = 'idle';

    const letGo = (): Sink<T | L> => {
      const to = sink;
      sink = SILENT;
      return to;
    };

    const self: Reader<T> = {
      next: Math.min(Math.max(from, start), end),
      isAsking: () => sink !== SILENT && state !== 'resting',
      isBlocking: () => slow === 'block' && end - self.next + lent >= capacity,
      onItem(item) {
        if (state === 'idle' && sink !== SILENT && self.next === end - 1) {
          self.next = end;
          lent = 0;
          letGo().item(item);
        } else self.onMore();
      },
      onMore() {
        if (state === 'idle') serve();
        const excess = end - self.next - capacity;
        if (excess <= 0 || slow === 'block') return;
        self.next += excess;
        missed += excess;
      },
    };
    readers = [...readers, self];

    /** Answers for as long as there is something at hand and the reader asks again. */
    const serve = (): void => {
      while (sink !== SILENT && (missed > 0 || self.next < end || ending)) {
        if (missed > 0) reportMissed();
        else if (self.next < end) {
          const chunk = take();
          if (chunk.length === 1) letGo().item(chunk[0] as T);
          else letGo().items(chunk);
        } else finishWith((ending as { failure: Failure | undefined }).failure);
      }
    };

    const take = (): T[] => {
      const count = Math.min(256, Math.ceil(capacity / 2), end - self.next);
      const chunk: T[] = [];
      for (let place = self.next - start; chunk.length < count; place++) chunk.push(kept.at(place));
      const wasOldest = self.next === start;
      self.next += count;
      lent = count - 1;
      if (wasOldest) trim();
      return chunk;
    };

    const reportMissed = (): void => {
      const count = missed;
      missed = 0;
      if ('lagged' in subscription) return letGo().item(subscription.lagged(count));
      finishWith({ error: new LaggedError(count) });
    };

    const finishWith = (failure?: Failure): void => {
      const to = letGo();
      ignoreCleanup(leave());
      to.end(failure);
    };

    const leave = (): Cleanup => {
      if (state === 'over') return undefined;
      state = 'over';
      forget(self);
      if (!ending && readers.length === 0 && !isDetached) return close();
      trim();
      read();
      return undefined;
    };

    const ask = (): void => {
      const wasBlocking = self.isBlocking();
      lent = 0;
      state = 'serving';
      serve();
      if (state === 'serving') state = 'idle';
      if (sink !== SILENT || wasBlocking) read();
    };

    return {
      pull(to) {
        sink = to;
        if (state === 'over') letGo().end();
        if (state !== 'idle') return;
        const behind = end - self.next;
        if (behind === 0 || !isOverBudget(Math.min(256, behind))) return ask();
        state = 'resting';
        inNextTurn(() => {
          if (state !== 'resting') return;
          state = 'idle';
          ask();
        });
      },
      close() {
        const cleanup = leave();
        letGo().end();
        return cleanup;
      },
    };
  }

  if (isDetached) read();
  return { subscribe, count: () => end, readers: () => readers.length, close };
}
