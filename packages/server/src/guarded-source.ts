/**
 * Pulls events out of an application's generator, and can let go of it. `next()` rejects with the signal's reason the
 * moment the signal aborts, whatever the generator is waiting for; `stop()` then gives it a bounded time to run its
 * `finally` blocks and abandons it after that. An abandoned generator may go on, but nobody reads its values, so they
 * never reach the store. (`Promise.race` against the signal would keep one reaction per event until the run ends.)
 */
import { type Clock, settlesWithin } from './clock.ts';

export interface GuardedSource<T> {
  next(): Promise<IteratorResult<T>>;
  /** Ends the source. Resolves when it has ended or `graceMs` have passed; never rejects. */
  stop(graceMs: number): Promise<void>;
}

export const guardSource = <T>(source: AsyncIterable<T>, signal: AbortSignal, clock: Clock): GuardedSource<T> => {
  const iterator = source[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<T>> | undefined;
  let ended = false;
  let rejectNext: ((reason: unknown) => void) | undefined;
  const onAbort = () => rejectNext?.(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });

  return {
    next: () =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        rejectNext = reject;
        pending = iterator.next();
        pending.then(
          (result) => {
            pending = undefined;
            if (result.done === true) ended = true;
            resolve(result);
          },
          (error) => {
            pending = undefined;
            ended = true;
            reject(error);
          },
        );
      }),
    async stop(graceMs) {
      signal.removeEventListener('abort', onAbort);
      rejectNext = undefined;
      if (ended) return;
      // For a generator, `return()` queues behind the pending `next()`; other iterators may end at once.
      const returned = Promise.resolve(iterator.return?.()).catch(() => {});
      await settlesWithin(Promise.allSettled([pending, returned]), graceMs, clock);
    },
  };
};
