/**
 * Reads an application's generator, and can let go of it. `read()` rejects with the signal's reason the moment the signal
 * aborts, whatever the generator is waiting for; `stop()` then gives it a bounded time to run its `finally` blocks and
 * abandons it after that. An abandoned generator may go on, but nobody reads its values, so they never reach the store.
 *
 * It runs once per token, so it is written without a promise of its own per event. (`Promise.race` against the signal
 * would besides keep one reaction per event until the run ends.)
 */
import { type Clock, settlesWithin } from './clock.ts';

export interface GuardedSource<T> {
  /**
   * Hands over every value, one at a time: a promise that `take` returns is waited for, an abort waits for it too. Resolves
   * at the end of the source; rejects with its error, with what `take` throws or with the signal's reason. Called once.
   */
  read(take: (value: T) => Promise<void> | undefined): Promise<void>;
  /** Ends the source. Resolves when it has ended or `graceMs` have passed; never rejects. */
  stop(graceMs: number): Promise<void>;
}

export const guardSource = <T>(source: AsyncIterable<T>, signal: AbortSignal, clock: Clock): GuardedSource<T> => {
  const iterator = source[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<T>> | undefined;
  let state: 'waiting' | 'taking' | 'stopped' | 'ended' = 'taking';
  let onAbort: (() => void) | undefined;
  const unlisten = () => {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  };

  return {
    read: (take) =>
      new Promise((resolve, reject) => {
        const fail = (error: unknown) => {
          if (state !== 'ended') state = 'stopped';
          reject(error);
        };
        const pull = () => {
          if (state === 'stopped') return;
          if (signal.aborted) return fail(signal.reason);
          state = 'waiting';
          try {
            pending = iterator.next();
            pending.then(onStep, onEnd);
          } catch (error) {
            onEnd(error);
          }
        };
        const onStep = (step: IteratorResult<T>) => {
          pending = undefined;
          if (step.done === true) {
            state = 'ended';
            unlisten();
            return resolve();
          }
          // What comes after the stop is nobody's.
          if (state === 'stopped') return;
          state = 'taking';
          try {
            const taken = take(step.value);
            if (taken === undefined) pull();
            else taken.then(pull, fail);
          } catch (error) {
            fail(error);
          }
        };
        const onEnd = (error: unknown) => {
          pending = undefined;
          state = 'ended';
          unlisten();
          reject(error);
        };
        onAbort = () => {
          if (state === 'waiting') fail(signal.reason);
        };
        signal.addEventListener('abort', onAbort, { once: true });
        pull();
      }),
    async stop(graceMs) {
      unlisten();
      if (state === 'ended') return;
      state = 'stopped';
      // For a generator, `return()` queues behind the pending `next()`; other iterators may end at once.
      const returned = Promise.resolve(iterator.return?.()).catch(() => {});
      await settlesWithin(Promise.allSettled([pending, returned]), graceMs, clock);
    },
  };
};
