/** What one process knows of a run: what it appends to it, what it follows of it, and its readers here. */
import type { ChatKitError } from '@chatkit/core';
import { type Waiter, waiterOf } from '../shared/waiter.ts';
import type { EntryWindow } from './entry-window.ts';
import type { Followed } from './log-follower.ts';
import type { Outbox } from './log-outbox.ts';

export interface LogRun {
  readonly id: string;
  /** The entries that this process appends. */
  outbox: Outbox | undefined;
  /** Whether readers here read the outbox: the run was created here and nobody has taken it over. */
  isLocal: boolean;
  followed: Followed | undefined;
  readonly tails: Tail[];
  /** When Redis last sent news of the run, by `performance.now()`, apart from confirmations to the outbox. */
  heardAt: number;
  /** Whether the last check found that the run's lease has ended but its log has not. */
  isOrphan: boolean;
  /** Why readers cannot go on. */
  failure: ChatKitError | undefined;
  /** The backpressure that its producer waits for. */
  room: Waiter | undefined;
}

/** A reader: the window that it reads and its index in it. */
export interface Tail {
  window: EntryWindow | undefined;
  index: number;
  wake(): void;
}

export const createLogRun = (id: string): LogRun => ({
  id,
  outbox: undefined,
  isLocal: false,
  followed: undefined,
  tails: [],
  heardAt: performance.now(),
  isOrphan: false,
  failure: undefined,
  room: undefined,
});

/** The window that readers of a run in this process read. */
export const windowOf = (run: LogRun): EntryWindow | undefined =>
  run.isLocal ? run.outbox?.window : run.followed?.window;

/** Backwards, because a reader that is woken may remove itself. */
export const wakeAll = ({ tails }: LogRun): void => {
  for (let at = tails.length - 1; at >= 0; at -= 1) tails[at]?.wake();
};

export const failReaders = (run: LogRun, error: ChatKitError): void => {
  run.failure = error;
  wakeAll(run);
};

/** The same for those who wait now only: those who come later may fare better. */
export const failWaiting = (run: LogRun, error: ChatKitError): void => {
  failReaders(run, error);
  run.failure = undefined;
};

/**
 * The backpressure: a promise if Redis is more than `windowBytes` behind, or the furthest reader here more than half of
 * that; `undefined` while there is room.
 */
export const roomOf = (run: LogRun, windowBytes: number): Promise<void> | undefined => {
  if (!isAbove(run, windowBytes)) {
    settleRoom(run, windowBytes);
    return undefined;
  }
  run.room ??= waiterOf();
  run.outbox?.listen();
  return run.room.promise;
};

/** Lets the producer go on once the lag has halved. */
export const settleRoom = (run: LogRun, windowBytes: number): void => {
  if (run.room === undefined || isAbove(run, windowBytes / 2)) return;
  run.room.resolve();
  run.room = undefined;
};

const isAbove = (run: LogRun, bytes: number): boolean => {
  const { outbox } = run;
  if (outbox === undefined || outbox.window.isEnded) return false;
  const { window, acked } = outbox;
  // A cheap first check, because this runs twice per token: neither can lag by more than is held.
  if (window.bytes <= bytes / 2) return false;
  return window.bytesFrom(acked) > bytes || lagOf(run, window) > bytes / 2;
};

/**
 * How many bytes the reader that is furthest in the outbox has yet to take; 0 without readers. The slower ones hold
 * nobody up: what the window has dropped they get from Redis.
 */
const lagOf = (run: LogRun, window: EntryWindow): number => {
  let furthest = nobody;
  for (const tail of run.tails) if (tail.window === window && tail.index > furthest) furthest = tail.index;
  return furthest === nobody ? 0 : window.bytesFrom(furthest);
};

/** Below the index of a reader that has yet to find its place in the window, which is -1. */
const nobody = -2;
