/**
 * The timers of a virtual clock, soonest first: a binary heap in which each timer knows its place, so that one can be
 * set, cleared and taken in logarithmic time however many there are.
 */

/** A timer that is set. */
export interface QueuedTimer {
  readonly at: number;
  readonly callback: () => void;
}

export interface TimerQueue {
  add(at: number, callback: () => void): QueuedTimer;
  /** Does nothing to a timer that was taken or removed before, and to anything else. */
  remove(timer: unknown): void;
  /** Takes the soonest timer that is due by `until`; of equal ones the one that was added first. */
  takeDue(until: number): QueuedTimer | undefined;
  readonly size: number;
}

interface Timer extends QueuedTimer {
  /** Counts the timers that were ever added. */
  readonly order: number;
  /** Where it is in the heap; -1 when it is not. */
  place: number;
}

const isSooner = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

export const createTimerQueue = (): TimerQueue => {
  const heap: Timer[] = [];
  let added = 0;

  const put = (timer: Timer, place: number): void => {
    heap[place] = timer;
    timer.place = place;
  };

  /** Moves a timer from `place` towards the top while it is sooner than what is above it. */
  const rise = (timer: Timer, place: number): void => {
    let free = place;
    while (free > 0) {
      const above = heap[(free - 1) >> 1] as Timer;
      if (!isSooner(timer, above)) break;
      put(above, free);
      free = (free - 1) >> 1;
    }
    put(timer, free);
  };

  /** Moves a timer from `place` away from the top while what is below it is sooner. */
  const sink = (timer: Timer, place: number): void => {
    let free = place;
    for (let below = 2 * free + 1; below < heap.length; below = 2 * free + 1) {
      const [left, right] = [heap[below] as Timer, heap[below + 1]];
      const sooner = right !== undefined && isSooner(right, left) ? right : left;
      if (!isSooner(sooner, timer)) break;
      const { place: next } = sooner;
      put(sooner, free);
      free = next;
    }
    put(timer, free);
  };

  const remove = (given: unknown): void => {
    const place = (given as Partial<Timer> | null | undefined)?.place ?? -1;
    const timer = heap[place];
    if (timer === undefined || timer !== given) return;
    timer.place = -1;
    const last = heap.pop() as Timer;
    if (last === timer) return;
    // What fills the gap comes from another branch, so it may belong above it or below.
    rise(last, place);
    sink(last, last.place);
  };

  return {
    add(at, callback) {
      const timer: Timer = { at, callback, order: added++, place: -1 };
      rise(timer, heap.length);
      return timer;
    },
    remove,
    takeDue(until) {
      const [first] = heap;
      if (first === undefined || first.at > until) return undefined;
      remove(first);
      return first;
    },
    get size() {
      return heap.length;
    },
  };
};
