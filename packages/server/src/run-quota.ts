/**
 * Limits how many runs a user may have in this process at once, waiting ones included, and so what one user can make a
 * machine hold.
 */
import { ChatKitError } from '@chatkit/core';
import { userOfNoContext } from './user-of.ts';

export interface RunQuota {
  /** Counts a run; call the returned function when the run ends. Throws `run.too_many` at the limit. */
  enter(userId: string | undefined): () => void;
}

/** For each known user, where the application has set no limit. */
const usualLimit = 100;

/**
 * An unknown user is not counted. All callers of a server without users are one user: a limit that was set for them
 * holds, but the usual one does not, because an open demo may have more visitors than that.
 */
export const createRunQuota = (set: number | undefined): RunQuota => {
  const limit = set ?? usualLimit;
  const counts = new Map<string, number>();
  return {
    enter(userId) {
      if (userId === undefined || (userId === userOfNoContext && set === undefined)) return () => {};
      const count = counts.get(userId) ?? 0;
      if (count >= limit) {
        throw new ChatKitError('run.too_many', 'Too many answers are in progress. Try again in a moment.', {
          retryable: true,
          details: { limit },
        });
      }
      counts.set(userId, count + 1);
      return () => {
        const left = (counts.get(userId) ?? 1) - 1;
        if (left === 0) counts.delete(userId);
        else counts.set(userId, left);
      };
    },
  };
};
