/** When the subscribers of a client under test are told. */
import type { Clock, Scheduler } from '../../src/index.ts';

/** In the same call. */
export const atOnce: Scheduler = (flush) => {
  flush();
  return () => {};
};

/** With the frames of a page, by a clock that the test moves. */
export const framesOf =
  (clock: Clock): Scheduler =>
  (flush) => {
    const timer = clock.setTimeout(flush, 16);
    return () => clock.clearTimeout(timer);
  };
