/** The time that the offline model and the tools go by. A virtual clock of `@chatkit/testing` fits. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface WaitingClock {
  /** Milliseconds since any fixed point; never goes back. */
  now(): number;
  /** Resolves after `ms`; rejects with the signal's reason when that comes first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own. */
export const wallClock: WaitingClock = {
  now: () => performance.now(),
  async sleep(ms, signal) {
    try {
      await sleep(ms, undefined, { signal });
    } catch {
      // Node wraps the reason.
      throw signal?.reason;
    }
  },
};
