/** Runs async work with a time limit and an abort signal. */
import { deadline } from '@chatkit/stream/engine';
import type { Clock } from './ports.ts';

export interface WithinOptions {
  /** The time limit; `Infinity` for none. */
  ms: number;
  clock: Clock;
  /** Makes the error for work that took longer. */
  late: () => unknown;
  /** Cancels the work; the result then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/**
 * The result of `work`, if it comes in time. The work's signal aborts at the time limit or on cancellation, and the
 * promise rejects then even if the work (an application's `fetch` or tool) ignores the signal. Leaves no timer and no
 * listener.
 */
export const within = async <T>(work: (signal: AbortSignal) => Promise<T>, options: WithinOptions): Promise<T> => {
  const { ms, clock, late, signal } = options;
  signal?.throwIfAborted();
  const abort = new AbortController();
  let callOff!: (reason: unknown) => void;
  const onAbort = () => callOff(signal?.reason);
  const due = deadline(clock, () => callOff(late()));
  signal?.addEventListener('abort', onAbort, { once: true });
  due.set(clock.now() + ms);
  try {
    return await new Promise<T>((resolve, reject) => {
      callOff = (reason) => {
        reject(reason);
        abort.abort(reason);
      };
      work(abort.signal).then(resolve, reject);
    });
  } finally {
    due.clear();
    signal?.removeEventListener('abort', onAbort);
  }
};
