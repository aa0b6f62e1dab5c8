/** Work for which there is only so much time, and which its caller may call off. */
import { deadline } from '@chatkit/stream/engine';
import type { Clock } from './ports.ts';

export interface WithinOptions {
  /** How long the work may take; `Infinity` for any time. */
  ms: number;
  clock: Clock;
  /** What the work fails with when it took longer. */
  late: () => unknown;
  /** Calls the work off; it then fails with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/**
 * What `work` gives, if it is there in time. Its signal aborts when it is not wanted any more; whether or not it takes notice
 * (an application's `fetch` or tool may not), nobody waits for it longer than that. Leaves no timer and no listener.
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
