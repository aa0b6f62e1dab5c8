/** A timeout for one promise. */
import { longestTimerMs } from '../shared/longest-timer.ts';

/**
 * Settles as `answer` does, or rejects with the error of `tooLate()` once `ms` have passed. With `Infinity` there is no
 * timeout. A late result is dropped, errors included.
 */
export const within = <T>(answer: Promise<T>, ms: number, tooLate: () => Error): Promise<T> => {
  if (ms === Number.POSITIVE_INFINITY) return answer;
  return new Promise<T>((resolve, reject) => {
    const limit = setTimeout(() => reject(tooLate()), Math.min(ms, longestTimerMs));
    answer.then(
      (value) => {
        clearTimeout(limit);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(limit);
        reject(error);
      },
    );
  });
};
