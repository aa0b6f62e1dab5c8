/**
 * The end of a run whose log has refused the terminal entry, or has not answered. Readers on this machine would wait for
 * it for ever, so they are given it without the log.
 */
import {
  compareOffsets,
  isTextRow,
  type LogEntry,
  lastOffsetOfRow,
  type ReadOptions,
  type TextRow,
} from '@chatkit/core';
import { type Clock, settlesWithin } from './clock.ts';

/** One connection that reads the run on this machine. */
export interface Follower {
  /** Its source will say nothing more: continues with what `read` returns, from behind the last entry that came. */
  readOn(read: (after: string | undefined) => AsyncIterable<LogEntry | TextRow>): void;
}

/** A terminal entry that is not in the log, and the entry before it, which should be. */
export interface LostEnd {
  readonly after: string;
  readonly entry: LogEntry;
}

/**
 * Reads a log without a terminal entry and adds that. Whether more will come cannot be known where earlier entries have
 * been refused too, so the wait for each is bounded.
 */
export async function* readToEnd(
  entries: AsyncIterable<LogEntry | TextRow>,
  { after, entry }: LostEnd,
  options: ReadOptions | undefined,
  clock: Clock,
): AsyncGenerator<LogEntry | TextRow, void, undefined> {
  const isBehind = (offset: string, at: string | undefined) => at === undefined || compareOffsets(at, offset) < 0;
  const iterator = entries[Symbol.asyncIterator]();
  let at = options?.after;
  try {
    while (isBehind(after, at)) {
      const next = iterator.next();
      if (!(await settlesWithin(next, NEXT_MS, clock))) break;
      const { done, value } = await next;
      if (done === true) return;
      yield value;
      at = isTextRow(value) ? lastOffsetOfRow(value) : value.offset;
    }
  } finally {
    void Promise.resolve(iterator.return?.()).catch(() => {});
  }
  if (isBehind(entry.offset, at)) yield entry;
}

/** How long to wait for an entry that may not be there. */
const NEXT_MS = 1_000;
