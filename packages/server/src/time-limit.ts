/**
 * Limits how long the server waits for one call of what the application has given it: its store, log and lease, and the
 * hooks that a run or a request waits for. One that never answers would keep its run, and thereby its thread, until the
 * process is restarted. `respond()` and `action()` have deadlines of their own (`watch-deadlines.ts`). A call that is
 * given up may succeed all the same; docs/decisions/server-time-limits.md says what becomes of it.
 */
import { ChatKitError, isChatKitError, type RunLease } from '@chatkit/core';
import type { Settings } from './settings.ts';

/** The settings that a limit needs. */
export type Limits = Pick<Settings, 'clock' | 'deadlines'>;

/**
 * Settles as `work` does, or rejects when it has not settled in `deadlines.callMs`. An error that it throws at once is a
 * rejection like any other.
 */
export const inTime = <T>(
  { clock, deadlines: { callMs } }: Limits,
  call: string,
  work: () => T | PromiseLike<T>,
  code: 'store.timeout' | 'run.hook_timeout' = 'store.timeout',
): Promise<T> =>
  new Promise((resolve, reject) => {
    const giveUp = () =>
      reject(
        new ChatKitError(code, `${call}() did not answer within ${callMs} ms.`, { retryable: true, details: { call } }),
      );
    // A timer cannot be set for never: it would fire at once.
    const timer = callMs === Number.POSITIVE_INFINITY ? undefined : clock.setTimeout(giveUp, callMs);
    const settled = new Promise<T>((done) => done(work())).finally(() => clock.clearTimeout(timer));
    settled.then(resolve, reject);
  });

/** Whether an error says that a store, a log or a lease has not answered. */
export const isOutOfTime = (error: unknown): error is ChatKitError => isChatKitError(error, 'store.timeout');

/** The same, or that a hook has not. */
export const isGivenUp = (error: unknown): error is ChatKitError =>
  isOutOfTime(error) || isChatKitError(error, 'run.hook_timeout');

/**
 * The object with a limit on each of its methods, except those that are named. They are called on the object itself, so
 * it may keep its state in private fields.
 */
export const limited = <T extends object>(
  target: T,
  name: string,
  limits: Limits,
  except: readonly (keyof T)[] = [],
): T =>
  new Proxy(target, {
    get(_, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      if (except.includes(key as keyof T)) return value.bind(target);
      return (...given: unknown[]) => inTime(limits, `${name}.${String(key)}`, () => value.apply(target, given));
    },
  });

/** A lease with limits, except for listening, which is not asynchronous. */
export const limitedLease = (lease: RunLease, limits: Limits): RunLease =>
  limited(lease, 'lease', limits, ['onStop', 'onFree']);
