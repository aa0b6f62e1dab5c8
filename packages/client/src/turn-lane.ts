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

/** What a turn has those before it do: give way, or finish. */
export type Busy = 'interrupt' | 'wait';

export interface TurnLane<T extends LaneTurn> {
  /** The turn that is going on. */
  current(): T | undefined;
  /** Those behind it. */
  waiting(): readonly T[];
  /** Whether one of those wants what goes on to give way. */
  isAwaited(): boolean;
  enter(turn: T, busy: Busy): void;
  /** Abandons all of them. */
  clear(reason: LeaveReason): void;
}

export const createTurnLane = <T extends LaneTurn>(): TurnLane<T> => {
  let current: T | undefined;
  let queue: { readonly turn: T; readonly busy: Busy }[] = [];

  const waiting = (): T[] => queue.map(({ turn }) => turn);

  const advance = (): void => {
    const turn = queue.shift()?.turn;
    current = turn;
    if (turn === undefined) return;
    void turn.start().then(() => {
      if (current === turn) advance();
    });
  };

  return {
    current: () => (current?.isOver() ? undefined : current),
    waiting,
    isAwaited: () => queue.some(({ busy }) => busy === 'interrupt'),
    enter(turn, busy) {
      if (current?.isOver()) advance();
      const before = current === undefined ? [] : [current, ...waiting()];
      queue = [...queue, { turn, busy }];
      if (busy === 'interrupt') for (const other of before) other.giveWay();
      if (current === undefined) advance();
    },
    clear(reason) {
      const all = current === undefined ? waiting() : [current, ...waiting()];
      current = undefined;
      queue = [];
      for (const turn of all) turn.abandon(reason);
    },
  };
};
