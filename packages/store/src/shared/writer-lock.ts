/** One writer at a time, first come, first served, and nobody waits for ever. */
import { ChatKitError } from '@chatkit/core';

export interface WriterLock {
  /** Runs `work` once everything that came before has settled. Rejects, and never runs it, when that takes too long. */
  run<T>(work: () => T | Promise<T>): Promise<T>;
  /** Resolves once everything that came before has settled, however long it takes; `atOnce` is called then. */
  settled(atOnce?: () => void): Promise<void>;
}

/**
 * A lock in which nobody waits for longer than `longestWaitMs`. Only a transaction whose work takes its time holds one
 * so long, and most often because the work waits for this very caller: it has asked the outer store, whose turn comes
 * when the work is done.
 */
export const createWriterLock = (longestWaitMs = 30_000): WriterLock => {
  let last: Promise<unknown> = Promise.resolve();
  let before = 0;
  const leave = (): void => {
    before -= 1;
  };
  /** The next one waits for the end of this one, however it ends. */
  const enter = <T>(result: Promise<T>): Promise<T> => {
    before += 1;
    last = result.then(leave, leave);
    return result;
  };

  return {
    run<T>(work: () => T | Promise<T>): Promise<T> {
      // Nobody is there most of the time, and then there is no timer.
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
