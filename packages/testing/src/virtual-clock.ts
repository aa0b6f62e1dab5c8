/**
 * A clock that moves only when a test says so. It fits every option called `clock` in the toolkit, so no test has to
 * sleep.
 */
import type { Clock } from '@chatkit/stream';
import { macrotask } from '@chatkit/stream/engine';
import { createTimerQueue } from './timer-queue.ts';

/** The options of {@link createVirtualClock}. */
export interface VirtualClockOptions {
  /** The initial value of `now()`. Default 0. */
  startMs?: number | undefined;
}

/** A clock that stands still until it is moved. */
export interface VirtualClock extends Clock {
  /** Resolves `delayMs` from now, or rejects with the signal's reason if it aborts first. */
  sleep(delayMs: number, signal?: AbortSignal | undefined): Promise<void>;
  /**
   * Moves time forward, running each timer at its moment and in order. After each timer, and at the end, promises get
   * their turn, and so do new timers that fall due within the span.
   */
  advance(byMs: number): Promise<void>;
  /** How many timers are set: 0 at the end of a test that cleans up. */
  readonly pending: number;
}

/**
 * Runs all promise reactions that are ready, and those that they make ready. For promises one turn of the event loop is
 * enough; two more are for code that yields to the event loop in between, as busy streams do.
 */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn += 1) await new Promise<void>(macrotask);
};

/**
 * Creates a clock that stands still until it is advanced.
 *
 * @example
 * const clock = createVirtualClock();
 * const server = createChatKitServer({ store, respond, clock });
 * await clock.advance(15_000); // the heartbeat is due
 */
export const createVirtualClock = ({ startMs = 0 }: VirtualClockOptions = {}): VirtualClock => {
  const timers = createTimerQueue();
  let now = startMs;

  const clock: VirtualClock = {
    now: () => now,
    setTimeout(callback, delayMs) {
      // As with real timers, a delay that is not a number counts as 0.
      return timers.add(now + (Math.max(0, delayMs) || 0), callback);
    },
    clearTimeout: (timer) => timers.remove(timer),
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
      for (let timer = timers.takeDue(until); timer !== undefined; timer = timers.takeDue(until)) {
        now = Math.max(now, timer.at);
        timer.callback();
        await settle();
      }
      now = Math.max(now, until);
    },
    get pending() {
      return timers.size;
    },
  };
  return clock;
};
