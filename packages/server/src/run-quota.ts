/**
 * Limits how many runs a user may have in this process at once, waiting ones included, and so what one user can make a
 * machine hold.
 */
import { ChatKitError } from '@chatkit/core';

export interface RunQuota {
  /** Counts a run; call the returned function when the run ends. Throws `run.too_many` at the limit. */
  enter(userId: string | undefined): () => void;
}

/** An unknown user is not counted, and neither is the only user of a single-user program (`''`). */
export const createRunQuota = (limit: number): RunQuota => {
  const counts = new Map<string, number>();
  return {
    enter(userId) {
      if (userId === undefined || userId === '') return () => {};
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
