/**
 * The monotonic clock by which a server measures durations. Heartbeats, deadlines, grace periods and leases all use
 * this one object, so that a test moves time by hand and never sleeps. The time of day, which jumps when somebody sets
 * it, is another option (`now`) and is used for `created_at` only.
 */
import type { Clock } from '@chatkit/stream';

export type { Clock };

/** 24 days. Runtimes fire a timer with a longer delay, or with `Infinity`, at once. */
const longestDelayMs = 2 ** 31 - 1;

/**
 * The machine's clock. Its timers do not keep the process alive, so a server that is done can exit. A delay of more
 * than 24 days counts as 24 days.
 */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, delayMs) => {
    const handle = setTimeout(callback, Math.min(delayMs, longestDelayMs));
    if (typeof handle === 'object') (handle as { unref?: () => void }).unref?.();
    return handle;
  },
  clearTimeout: (handle) => clearTimeout(handle as ReturnType<typeof setTimeout>),
};

/**
 * Waits for `work`, at most `ms`, and resolves with whether it settled in time; a rejection counts as settled and is
 * swallowed. Not `timeout` of `@chatkit/stream`, which is for a source of values and throws: here there is one promise,
 * and being late is a result, not an error.
 */
export const settlesWithin = (work: Promise<unknown>, ms: number, clock: Clock): Promise<boolean> =>
  new Promise((resolve) => {
    const timer = clock.setTimeout(() => resolve(false), ms);
    const settled = () => {
      clock.clearTimeout(timer);
      resolve(true);
    };
    work.then(settled, settled);
  });
