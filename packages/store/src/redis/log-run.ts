/** A run as far as one process has to do with it: what it appends, what it follows, and who reads that here. */
import type { ChatKitError } from '@chatkit/core';
import { type Waiter, waiterOf } from '../shared/waiter.ts';
import type { EntryWindow } from './entry-window.ts';
import type { Followed } from './log-follower.ts';
import type { Outbox } from './log-outbox.ts';

export interface LogRun {
  readonly id: string;
  /** What this process appends. */
  outbox: Outbox | undefined;
  /** Whether readers here read the outbox: the run was made here and nobody has taken it over. */
  isLocal: boolean;
  followed: Followed | undefined;
  readonly tails: Tail[];
  /** When Redis was last heard of it, by `performance.now()`, but for what it confirmed to the outbox. */
  heardAt: number;
  /** Whether the last look found that its lease has ended and its log has not. */
  isOrphan: boolean;
  /** Why readers cannot go on. */
  failure: ChatKitError | undefined;
  /** The backpressure that its producer waits for. */
  room: Waiter | undefined;
}

/** A reader: the window that it reads and its place there. */
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

/** What readers of a run read in this process. */
export const windowOf = (run: LogRun): EntryWindow | undefined =>
  run.isLocal ? run.outbox?.window : run.followed?.window;

/** From the last one on, because a reader that is woken may leave. */
export const wakeAll = ({ tails }: LogRun): void => {
  for (let at = tails.length - 1; at >= 0; at -= 1) tails[at]?.wake();
};

export const failReaders = (run: LogRun, error: ChatKitError): void => {
  run.failure = error;
  wakeAll(run);
};

/** What the producer waits for, if Redis or a reader here is `windowBytes` behind; `undefined` while there is room. */
export const roomOf = (run: LogRun, windowBytes: number): Promise<void> | undefined => {
  if (!isAbove(run, windowBytes)) {
    settleRoom(run, windowBytes);
    return undefined;
  }
  run.room ??= waiterOf();
  run.outbox?.askToBeTold();
  return run.room.promise;
};

/** Lets the producer go on once what was too far behind has halved. */
export const settleRoom = (run: LogRun, windowBytes: number): void => {
  if (run.room === undefined || isAbove(run, windowBytes / 2)) return;
  run.room.resolve();
  run.room = undefined;
};

const isAbove = (run: LogRun, bytes: number): boolean => {
  const { outbox } = run;
  if (outbox === undefined || outbox.window.isEnded) return false;
  const { window, acked } = outbox;
  // Neither can be behind by more than there is; a token is asked twice.
  if (window.bytes <= bytes / 2) return false;
  return window.bytesFrom(acked) > bytes || widestLag(run, window) > bytes / 2;
};

/** How far the slowest reader is behind that reads the outbox. */
const widestLag = (run: LogRun, window: EntryWindow): number => {
  let slowest = window.end;
  for (const tail of run.tails) if (tail.window === window && tail.index < slowest) slowest = tail.index;
  return window.bytesFrom(slowest);
};
