/** A mutex: one writer at a time, first come, first served, with a limit on the wait. */
import { ChatKitError } from '@chatkit/core';

export interface WriterLock {
  /** Runs `work` once all earlier work has settled. If that takes too long, rejects and never runs it. */
  run<T>(work: () => T | Promise<T>): Promise<T>;
  /** Resolves once all earlier work has settled, however long that takes, and calls `atOnce` then. */
  settled(atOnce?: () => void): Promise<void>;
}

/**
 * A lock with a timeout of `longestWaitMs`. Only a slow transaction holds the lock that long, and most often the reason
 * is a deadlock: its work waits for a call to the outer store, which waits for the transaction.
 */
export const createWriterLock = (longestWaitMs = 30_000): WriterLock => {
  let last: Promise<unknown> = Promise.resolve();
  let before = 0;
  const leave = (): void => {
    before -= 1;
  };
  /** Makes the next one wait for the end of this one, however it ends. */
  const enter = <T>(result: Promise<T>): Promise<T> => {
    before += 1;
    last = result.then(leave, leave);
    return result;
  };

  return {
    run<T>(work: () => T | Promise<T>): Promise<T> {
      // The usual case, in which nobody holds the lock, needs no timer.
      if (before === 0) return enter(last.then(work));
      let isAwaited = true;
      return new Promise<T>((resolve, reject) => {
        const limit = setTimeout(() => {
          isAwaited = false;
          reject(waitedTooLong(longestWaitMs));
        }, longestWaitMs);
        const turn = last.then(async () => {
          clearTimeout(limit);
          if (isAwaited) resolve(await work());
        });
        enter(turn).catch(reject);
      });
    },
    settled: (atOnce) => enter(last.then(atOnce)),
  };
};

const waitedTooLong = (ms: number): ChatKitError =>
  new ChatKitError(
    'internal',
    `A transaction has kept this call waiting for ${ms} ms. Inside transaction(work), use the store that work is given.`,
    { retryable: true },
  );
