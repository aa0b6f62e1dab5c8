import type { Clock } from './ports.ts';

/** Resolves after `ms` of the given clock. */
export const pause = (ms: number, clock: Clock): Promise<void> =>
  new Promise((resolve) => {
    clock.setTimeout(resolve, ms);
  });
