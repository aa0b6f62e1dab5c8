/**
 * The time that a server measures. Heartbeats, deadlines, grace periods and leases all ask this one object, so that a
 * test moves time by hand and never sleeps. It is not the time of day, which jumps when somebody sets it: that is the
 * option `now`, and is written into `created_at` alone.
 */
import type { Clock } from '@chatkit/stream';

export type { Clock };

/** The clock of the machine. Its timers do not keep a process alive: a server that is done may exit. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, delayMs) => {
    const handle = setTimeout(callback, delayMs);
    if (typeof handle === 'object') (handle as { unref?: () => void }).unref?.();
    return handle;
  },
  clearTimeout: (handle) => clearTimeout(handle as ReturnType<typeof setTimeout>),
};

/**
 * Waits for `work`, at most `ms`. Tells whether it settled in time; a rejection counts as settled and is swallowed. By
 * hand, as it is about one promise, of which being late is an answer and no error: `timeout` of `@chatkit/stream` ends
 * a source.
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
