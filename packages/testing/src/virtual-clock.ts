/**
 * Time that moves only when a test says so. It fits every option called `clock` in the toolkit, so no test has to sleep.
 */
import type { Clock } from '@chatkit/stream';

export interface VirtualClockOptions {
  /** What `now()` says at first. Default 0. */
  startMs?: number | undefined;
}

/** A clock that stands still until it is moved. */
export interface VirtualClock extends Clock {
  /** A promise that is kept `delayMs` from now; rejects with the signal's reason when that comes first. */
  sleep(delayMs: number, signal?: AbortSignal | undefined): Promise<void>;
  /**
   * Moves time forward, running each timer at its moment and in order. After each of them, and at the end, what it set in
   * motion gets its turn: promises, and timers that fall due within the span.
   */
  advance(byMs: number): Promise<void>;
  /** How many timers are set: 0 at the end of a test that cleans up. */
  readonly pending: number;
}

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Lets every promise that is ready run, and what those make ready. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn += 1) await new Promise<void>((resolve) => setTimeout(resolve, 0));
};

/**
 * A clock at rest.
 *
 * @example
 * const clock = createVirtualClock();
 * const server = createChatKitServer({ store, respond, clock });
 * await clock.advance(15_000); // the heartbeat is due
 */
export const createVirtualClock = ({ startMs = 0 }: VirtualClockOptions = {}): VirtualClock => {
  const timers = new Set<Timer>();
  let now = startMs;
  let order = 0;

  const nextDue = (until: number): Timer | undefined => {
    let due: Timer | undefined;
    for (const timer of timers)
      if (
        timer.at <= until &&
        (due === undefined || timer.at < due.at || (timer.at === due.at && timer.order < due.order))
      )
        due = timer;
    return due;
  };

  const clock: VirtualClock = {
    now: () => now,
    setTimeout(callback, delayMs) {
      const timer: Timer = { at: now + Math.max(0, delayMs), order: order++, callback };
      timers.add(timer);
      return timer;
    },
    clearTimeout: (timer) => void timers.delete(timer as Timer),
    sleep: (delayMs, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason);
          return;
        }
        const onAbort = () => {
          clock.clearTimeout(timer);
          reject(signal?.reason);
        };
        const timer = clock.setTimeout(() => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        }, delayMs);
        signal?.addEventListener('abort', onAbort, { once: true });
      }),
    async advance(byMs) {
      const until = now + byMs;
      await settle();
      for (let timer = nextDue(until); timer !== undefined; timer = nextDue(until)) {
        timers.delete(timer);
        now = Math.max(now, timer.at);
        timer.callback();
        await settle();
      }
      now = until;
    },
    get pending() {
      return timers.size;
    },
  };
  return clock;
};
