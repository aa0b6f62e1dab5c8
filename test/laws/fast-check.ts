/**
 * fast-check in which a law is tried for a time, `LAW_SECONDS` (default 10), in place of a number of times. `npm test`
 * tries each some hundred times, so it finds what is rare once in many runs, and then in a change that is not to blame.
 */
import fc from 'fast-check';

// Kept before a test can put a clock of its own in its place.
const now = performance.now.bind(performance);
const limitMs = Number(process.env['LAW_SECONDS'] ?? 10) * 1000;

/** Not by `interruptAfterTimeLimit`: what is in progress at the limit would go on beside the next test. */
export const assert = <T>(property: fc.IRawProperty<T>, parameters?: fc.Parameters<T>): Promise<void> | void => {
  const end = now() + limitMs;
  if (property.isAsync()) return assertUntil(end, property, parameters);
  do fc.assert(property as fc.IProperty<T>, parameters);
  while (now() < end);
};

const assertUntil = async <T>(end: number, property: fc.IRawProperty<T>, parameters?: fc.Parameters<T>) => {
  do await fc.assert(property, parameters);
  while (now() < end);
};

export default { ...fc, assert };
export * from 'fast-check';
