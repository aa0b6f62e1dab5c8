import type { Clock } from '../../src/index.ts';
import { reportLater } from '../../src/notify.ts';

/** Virtual time that jumps to the next timer whenever nothing else is left to do. No test waits, no timer is early. */
export const createAutoClock = (): Clock & { readonly pending: number } => {
  const timers = new Map<object, { at: number; callback: () => void }>();
  let now = 1_000_000;
  let isPumping = false;

  const pump = async () => {
    isPumping = true;
    while (timers.size > 0) {
      for (let turn = 0; turn < 3; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
      let next: [object, { at: number; callback: () => void }] | undefined;
      for (const entry of timers) if (next === undefined || entry[1].at < next[1].at) next = entry;
      if (next === undefined) break;
      timers.delete(next[0]);
      now = Math.max(now, next[1].at);
      try {
        next[1].callback();
      } catch (error) {
        // As with a machine's timers, time goes on.
        reportLater(error);
      }
    }
    isPumping = false;
  };

  return {
    now: () => now,
    setTimeout(callback, delayMs) {
      const key = {};
      timers.set(key, { at: now + Math.max(0, delayMs), callback });
      if (!isPumping) void pump();
      return key;
    },
    clearTimeout: (key) => void timers.delete(key as object),
    get pending() {
      return timers.size;
    },
  };
};
