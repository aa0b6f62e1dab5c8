/**
 * Holds back the replay of a run's earlier events until it is complete, so that a page reloaded in the middle of an
 * answer shows the answer so far in one piece instead of writing it again. If the server does not say where the replay
 * ends, the gate opens when the stream pauses, or after 300 ms.
 */
import type { ThreadStreamEvent } from '@chatkit/core';
import { deadline } from '@chatkit/stream/engine';
import type { Clock } from './ports.ts';
import type { ReplayPlace } from './resume-run.ts';

export interface ReplayGate {
  push(events: readonly ThreadStreamEvent[], place: ReplayPlace): void;
  /** Opens it now. */
  open(): void;
  /** The events held back. */
  held(): readonly ThreadStreamEvent[];
}

const quietMs = 25;
const longestMs = 300;

/**
 * `release` is called once with everything that was held, if anything was, then for every push with what was pushed.
 */
export const createReplayGate = (
  clock: Clock,
  release: (events: readonly ThreadStreamEvent[], replayed: boolean) => void,
): ReplayGate => {
  let held: ThreadStreamEvent[] | undefined = [];
  const openBy = clock.now() + longestMs;

  const open = (): void => {
    if (held === undefined) return;
    due.clear();
    const events = held;
    held = undefined;
    if (events.length > 0) release(events, true);
  };
  const due = deadline(clock, open);

  return {
    open,
    held: () => held ?? [],
    push(events, place) {
      if (held === undefined) return release(events, false);
      held.push(...events);
      if (place === 'tail') return open();
      if (place === 'replay') due.clear();
      else due.set(Math.min(clock.now() + quietMs, openBy));
    },
  };
};
