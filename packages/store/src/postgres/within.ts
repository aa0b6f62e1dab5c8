/** A bound on waiting. */

/**
 * What `answer` settles to, or a rejection with what `tooLate` makes once `ms` have passed. `Infinity` waits for as
 * long as it takes. What comes later is dropped, errors included.
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

/** A timer for longer fires at once. */
const longestTimerMs = 2 ** 31 - 1;
