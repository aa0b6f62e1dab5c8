/** One run of the memory log, and whom its producer waits for. */

import type { RowWriter, TextRow } from '@chatkit/core';
import { EntryList } from '../shared/entry-list.ts';
import { type Waiter, waiterOf } from '../shared/waiter.ts';

/** A reader that is attached. */
export interface Tail {
  /** The number of the entry that it gets next. */
  readonly position: number;
  wake(): void;
}

/** What a run does for its log. */
export interface RunLog {
  appendRow(run: Run, row: TextRow): Promise<void> | undefined;
}

/** A class, which writes its own rows: a writer beside it would be one more object for a token to find. */
export class Run implements RowWriter {
  readonly id: string;
  readonly list = new EntryList();
  state: 'open' | 'ended' | 'forgotten' = 'open';
  /** Replaced and not changed: an array that grows has room for sixteen more, in each run. */
  tails: readonly Tail[] = [];
  /** The reader that copies the run to where it outlasts the process, if there is one. It must not miss an entry. */
  copy: Tail | undefined;
  room: Waiter | undefined;
  private readonly log: RunLog;

  constructor(id: string, log: RunLog) {
    this.id = id;
    this.log = log;
  }

  append(row: TextRow): Promise<void> | undefined {
    return this.log.appendRow(this, row);
  }
}

/** Backwards, because a reader that is woken may remove itself. */
export const wakeAll = ({ tails }: Run): void => {
  for (let at = tails.length - 1; at >= 0; at -= 1) tails[at]?.wake();
};

/** The backpressure: a promise if the producer is more than `maxLagBytes` ahead; `undefined` while there is room. */
export const roomOf = (run: Run, maxLagBytes: number): Promise<void> | undefined => {
  if (run.state !== 'open' || lagOf(run) <= maxLagBytes) {
    releaseRoom(run);
    return undefined;
  }
  run.room ??= waiterOf();
  return run.room.promise;
};

/** Lets the producer go on once the lag has halved. To be called when a reader has come, taken an entry, or left. */
export const settleRoom = (run: Run, maxLagBytes: number): void => {
  if (run.room !== undefined && lagOf(run) <= maxLagBytes / 2) releaseRoom(run);
};

export const releaseRoom = (run: Run): void => {
  run.room?.resolve();
  run.room = undefined;
};

/**
 * How many bytes the reader that is furthest has yet to take, or the copy if that is further behind; 0 without readers.
 * One loop, because this runs at each append.
 */
const lagOf = ({ list, tails, copy }: Run): number => {
  let furthest = -1;
  let copied = list.end;
  for (const tail of tails) {
    if (tail === copy) copied = tail.position;
    else if (tail.position > furthest) furthest = tail.position;
  }
  const next = furthest >= 0 && furthest < copied ? furthest : copied;
  return list.total - list.bytesBefore(next);
};
