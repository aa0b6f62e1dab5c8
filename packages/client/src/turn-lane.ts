/**
 * A queue that runs one turn at a time. A message interrupts the current turn and starts once that has settled; an
 * action waits for the current turn to finish. A message interrupted before it arrived is still delivered first, so
 * none is lost to a newer one.
 */

/** Why a turn is abandoned: the client was detached, or another thread is shown. */
export type LeaveReason = 'detach' | 'navigate';

/** An entry of the queue. */
export interface LaneTurn {
  /** Runs it. Resolves when it has settled; must not reject. */
  start(): Promise<void>;
  /** Whether the next turn can start. Becomes true a moment before the promise of `start()` resolves. */
  isOver(): boolean;
  /** A newer turn wants to start: stop as soon as no message of the user would be lost. */
  giveWay(): void;
  /** Settles the turn, which will not be started or is no longer of interest. */
  abandon(reason: LeaveReason): void;
}

/** What the turns before a new one should do: give way, or finish. */
export type Busy = 'interrupt' | 'wait';

export interface TurnLane<T extends LaneTurn> {
  /** The current turn. */
  current(): T | undefined;
  /** The turns queued behind it. */
  waiting(): readonly T[];
  /** Whether one of these wants the current turn to give way. */
  isAwaited(): boolean;
  enter(turn: T, busy: Busy): void;
  /** Abandons all turns. */
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
