/**
 * A lock per run among the tabs of an origin, held by the tab that reads from the server. The browser frees it when
 * that tab is closed or crashes.
 */
import { deferred } from './deferred.ts';

/** The part of `navigator.locks` that is used. */
export interface LockPort {
  request(
    name: string,
    options: { ifAvailable?: boolean; steal?: boolean; signal?: AbortSignal },
    hold: (lock: unknown) => Promise<void> | undefined,
  ): Promise<unknown>;
}

/** A lock that is held. */
export interface RunLock {
  release(): void;
  /** Aborts when another tab stole the lock because this one seemed dead. */
  readonly lost: AbortSignal;
}

/**
 * Takes the lock of a run. Resolves to `undefined` if that is impossible: another tab holds it, or the signal aborted.
 */
export const takeLock = (
  locks: LockPort,
  runId: string,
  options: Parameters<LockPort['request']>[1],
): Promise<RunLock | undefined> =>
  new Promise((resolve) => {
    const lost = new AbortController();
    const held = deferred<void>();
    const hold = (lock: unknown): Promise<void> | undefined => {
      resolve(lock === null ? undefined : { release: () => held.resolve(), lost: lost.signal });
      return lock === null ? undefined : held.promise;
    };
    locks.request(`chatkit:${runId}`, options, hold).catch(() => {
      resolve(undefined);
      lost.abort();
    });
  });
