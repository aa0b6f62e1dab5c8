/**
 * One turn at a time. A message interrupts the turn that is going on and starts when that one has settled; an action waits
 * for it. A message that was interrupted before it arrived still gets there first: none is lost to a newer one.
 */

/** Why a turn is let go of: the user does not care for it now, or looks at another thread. */
export type LeaveReason = 'detach' | 'navigate';

/** Something that has its turn. */
export interface LaneTurn {
  /** Runs it. Resolves when it has settled; must not reject. */
  start(): Promise<void>;
  /** Whether the next one can start. Known a moment before the promise of `start()` tells. */
  isOver(): boolean;
  /** A newer turn wants to go: stop as soon as nothing of the user's would be lost by it. */
  giveWay(): void;
  /** It will not be started, or is no longer of interest. Settles it. */
  abandon(reason: LeaveReason): void;
}

export interface TurnLane<T extends LaneTurn> {
  /** The turn that is going on. */
  current(): T | undefined;
  /** Those behind it. */
  waiting(): readonly T[];
  enter(turn: T, busy: 'interrupt' | 'wait'): void;
  /** Abandons all of them. */
  clear(reason: LeaveReason): void;
}

export const createTurnLane = <T extends LaneTurn>(): TurnLane<T> => {
  let current: T | undefined;
  let queue: T[] = [];

  const advance = (): void => {
    const turn = queue.shift();
    current = turn;
    if (turn === undefined) return;
    void turn.start().then(() => {
      if (current === turn) advance();
    });
  };

  return {
    current: () => (current?.isOver() ? undefined : current),
    waiting: () => queue,
    enter(turn, busy) {
      if (current?.isOver()) advance();
      const before = current === undefined ? [] : [current, ...queue];
      queue = [...queue, turn];
      if (busy === 'interrupt') for (const other of before) other.giveWay();
      if (current === undefined) advance();
    },
    clear(reason) {
      const all = current === undefined ? queue : [current, ...queue];
      current = undefined;
      queue = [];
      for (const turn of all) turn.abandon(reason);
    },
  };
};
