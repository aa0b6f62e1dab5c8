/**
 * The contract of run logs (steps 2 and 3 of the path of a token): a run's events, in order, under offsets. The
 * producer appends; any number of readers replay what is there and then follow the tail.
 */
import type { ThreadStreamEvent } from './event.ts';
import type { RowLane, textRows } from './text-row.ts';

/** How a run ended. Nothing follows it. */
export type RunOutcome = 'completed' | 'cancelled' | 'failed' | 'interrupted';

/** One entry of a log: an event under its offset, or the terminal entry. */
export type LogEntry =
  | { readonly offset: string; readonly event: ThreadStreamEvent }
  | { readonly offset: string; readonly end: RunOutcome };

/** Options of `read`. */
export interface ReadOptions {
  /** The last offset that the reader already has. Absent: read from the first entry. */
  after?: string | undefined;
  /** Ends the read; the iterable rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/**
 * An append-only log per run.
 *
 * An implementation
 * - MUST give readers every entry after `after`, once, in order and without a gap, and MUST end their iterable after
 *   the terminal entry;
 * - MUST treat an append of an offset that it already holds as done (appends are retried);
 * - MUST reject an append after the terminal entry with `log.closed`, and give readers what came before in it;
 * - MUST refuse an entry that is larger than everything it keeps of a run with `event.too_large`, thrown synchronously
 *   and not as a rejected promise, and keep what came before it; the run goes on without that entry;
 * - MUST throw `run.not_found` for a run it does not know and `log.expired` for an offset that it no longer holds;
 * - MUST bound what it keeps; MUST NOT drop entries of a run in progress that a reader still needs without failing that
 *   reader with `log.expired`.
 */
export interface StreamLog {
  /** Declares a run. A second call for the same run does nothing. */
  create(runId: string): Promise<void>;
  /**
   * Adds entries, whose offsets grow strictly. If a promise is returned, it is backpressure: it resolves when the log
   * has room for more. For the terminal entry, which is the last, it resolves when that entry is stored.
   */
  append(runId: string, entries: readonly LogEntry[]): Promise<void> | undefined;
  /**
   * Replays, then tails. Calling `return()` on the iterator MUST settle a `next()` that is pending: the server ends most
   * readers in that way, and an async generator would queue it behind the next entry.
   */
  read(runId: string, options?: ReadOptions): AsyncIterable<LogEntry>;
  /** Deletes a run. Its readers fail with `log.expired`. */
  delete(runId: string): Promise<void>;
  /** An optional, cheaper way to write and read text. It accesses the same entries as `append` and `read`. */
  readonly [textRows]?: RowLane | undefined;
}

/** The offset of event number `seq` under owner number `epoch` of a run, both from 1: `<epoch>-<seq>`. */
export const formatOffset = (epoch: number, seq: number): string => `${epoch}-${seq}`;

/** Parses an offset; `undefined` for anything that `formatOffset` cannot have written. */
export const parseOffset = (offset: string): { epoch: number; seq: number } | undefined => {
  // By hand: this runs twice for every token, and a regular expression with groups takes ten times as long.
  const dash = offset.indexOf('-');
  const epoch = digits(offset, 0, dash);
  const seq = digits(offset, dash + 1, offset.length);
  return epoch > 0 && seq >= 0 && offset.charCodeAt(0) !== 48 ? { epoch, seq } : undefined;
};

/** The number in these 1 to 15 decimal digits, or -1. */
const digits = (text: string, from: number, to: number): number => {
  if (to <= from || to - from > 15) return -1;
  let number = 0;
  for (let at = from; at < to; at += 1) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
};

/** Compares two offsets in log order: negative when `a` comes first. Offsets of another form compare as text. */
export const compareOffsets = (a: string, b: string): number => {
  if (a === b) return 0;
  const left = parseOffset(a);
  const right = parseOffset(b);
  if (left === undefined || right === undefined) return a < b ? -1 : a > b ? 1 : 0;
  return left.epoch - right.epoch || left.seq - right.seq;
};
