/**
 * One run at a time per thread, within a process. Each thread has a lane: its holder may write to the thread, and
 * others wait in the order in which they were accepted. The busy policy says what a newcomer does to those before it.
 * Waiting messages that are superseded under `interrupt` keep their turn, so that no accepted message is lost: they are
 * stored, but not answered.
 */
import { ChatKitError } from '@chatkit/core';
import type { StopCause } from './run-state.ts';
import type { BusyPolicy } from './settings.ts';

/** A holder of a lane, or one who waits for it. */
export interface Occupant {
  stop(cause: StopCause): void;
}

export interface ThreadLanes<O extends Occupant> {
  /** The holder of a thread's lane. */
  holder(threadId: string): O | undefined;
  /**
   * Takes the lane: at once when it is free (`undefined`), else the promise resolves when the occupant's turn comes or
   * it has given up. Throws `thread.busy` under `reject`. Whoever enters must leave, even without having had a turn.
   */
  enter(threadId: string, occupant: O, policy: BusyPolicy): Promise<void> | undefined;
  /** Ends an occupant's wait. No effect for the holder. */
  giveUp(threadId: string, occupant: O): void;
  leave(threadId: string, occupant: O): void;
}

export const threadBusy = (threadId: string): ChatKitError =>
  new ChatKitError('thread.busy', 'The thread has a run in progress.', {
    retryable: true,
    details: { thread_id: threadId },
  });

interface Waiting<O> {
  readonly occupant: O;
  readonly go: () => void;
  /** Whether somebody entered after it under `interrupt`. Then everybody before it is overtaken as well. */
  isOvertaken: boolean;
}

export const createThreadLanes = <O extends Occupant>(): ThreadLanes<O> => {
  const lanes = new Map<string, { holder: O; waiting: Waiting<O>[] }>();
  const giveUp = (threadId: string, occupant: O): void => {
    const lane = lanes.get(threadId);
    if (lane === undefined) return;
    const at = lane.waiting.findIndex((each) => each.occupant === occupant);
    for (const { go } of lane.waiting.splice(at, at === -1 ? 0 : 1)) go();
  };

  return {
    giveUp,
    holder: (threadId) => lanes.get(threadId)?.holder,
    enter(threadId, occupant, policy) {
      const lane = lanes.get(threadId);
      if (lane === undefined) {
        lanes.set(threadId, { holder: occupant, waiting: [] });
        return undefined;
      }
      if (policy === 'reject') throw threadBusy(threadId);
      if (policy === 'interrupt') {
        lane.holder.stop('superseded');
        for (let at = lane.waiting.length - 1; at >= 0; at -= 1) {
          const earlier = lane.waiting[at] as Waiting<O>;
          if (earlier.isOvertaken) break;
          earlier.isOvertaken = true;
          earlier.occupant.stop('superseded');
        }
      }
      return new Promise((go) => {
        lane.waiting.push({ occupant, go, isOvertaken: false });
      });
    },
    leave(threadId, occupant) {
      const lane = lanes.get(threadId);
      if (lane === undefined) return;
      if (lane.holder !== occupant) return giveUp(threadId, occupant);
      const next = lane.waiting.shift();
      if (next === undefined) lanes.delete(threadId);
      else {
        lane.holder = next.occupant;
        next.go();
      }
    },
  };
};
