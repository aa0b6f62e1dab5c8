/**
 * fast-check in which a law is tried for a time, `LAW_SECONDS` (default 10), in place of a number of times. `npm test`
 * tries each some hundred times, so it finds what is rare once in many runs, and then in a change that is not to blame.
 */
import fc from 'fast-check';

const limits = {
  numRuns: Number.MAX_SAFE_INTEGER,
  interruptAfterTimeLimit: Number(process.env['LAW_SECONDS'] ?? 10) * 1000,
};

export const assert = <T>(property: fc.IRawProperty<T>, parameters: fc.Parameters<T> = {}) =>
  fc.assert(property, { ...parameters, ...limits });

export default { ...fc, assert };
export * from 'fast-check';
