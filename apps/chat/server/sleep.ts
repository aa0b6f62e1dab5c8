/** A wait that a signal can end. */
import { type Clock, systemClock } from '@chatkit/stream';

/** Resolves after `ms`; rejects with the signal's reason when that comes first. Leaves no timer and no listener. */
export const sleep = (ms: number, clock: Clock = systemClock, signal?: AbortSignal): Promise<void> =>
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
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
