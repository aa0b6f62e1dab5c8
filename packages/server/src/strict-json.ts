/**
 * `JSON.stringify` that refuses functions and symbols instead of leaving them out: an application would not learn that
 * they never arrive.
 */
export const strictJson = (value: unknown): string =>
  JSON.stringify(value, (key, each: unknown) => {
    if (typeof each !== 'function' && typeof each !== 'symbol') return each;
    throw new TypeError(`${JSON.stringify(key)} is a ${typeof each}.`);
  });
