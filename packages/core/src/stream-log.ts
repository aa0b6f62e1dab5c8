/**
 * Verb 2 and 3 of the path of a token, as a contract: a run's events, in order, under offsets. The producer appends;
 * any number of readers replay what is there and then tail.
 */
import type { ThreadStreamEvent } from './event.ts';
import type { RowLane, textRows } from './text-row.ts';

/** How a run ended. Nothing follows it. */
export type RunOutcome = 'completed' | 'cancelled' | 'failed' | 'interrupted';

/** One entry of a log: an event under its offset, or the terminal entry. */
export type LogEntry =
  | { readonly offset: string; readonly event: ThreadStreamEvent }
  | { readonly offset: string; readonly end: RunOutcome };

/** Where a reader starts. */
export interface ReadOptions {
  /** The last offset that the reader has (exclusive). Absent: from the first entry. */
  after?: string | undefined;
  /** Ends the read; the iterable rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/**
 * An append-only log per run.
 *
 * An implementation
 * - MUST give readers every entry after `after`, once, in order, without a gap, and MUST end their iterable after the
 *   terminal entry;
 * - MUST treat the append of an offset that it holds already as done (appends are retried);
 * - MUST refuse an append after the terminal entry with `log.closed`;
 * - MUST refuse an entry that is larger than all it keeps of a run with `event.too_large`, by a throw and not by a promise,
 *   and keep what came before it; the run goes on without it;
 * - MUST throw `run.not_found` for a run it does not know and `log.expired` for an offset that it no longer holds;
 * - MUST bound what it keeps; MUST NOT drop entries of a run that has not ended while a reader still needs them without
 *   telling that reader `log.expired`.
 */
export interface StreamLog {
  /** Declares a run. A second call for the same run does nothing. */
  create(runId: string): Promise<void>;
  /**
   * Adds entries. Offsets grow strictly. The promise, where one is returned, is the backpressure: it resolves when the
   * log has room for more; that of the terminal entry, behind which nothing comes, when the entry is kept.
   */
  append(runId: string, entries: readonly LogEntry[]): Promise<void> | undefined;
  /** Replays, then tails. */
  read(runId: string, options?: ReadOptions): AsyncIterable<LogEntry>;
  /** Forgets a run. Its readers get `log.expired`. */
  delete(runId: string): Promise<void>;
  /** A cheaper way in and out for text. What goes in by it is read by `read`, and the other way round. */
  readonly [textRows]?: RowLane | undefined;
}

/** The offset of the `seq`-th event (from 1) in the `epoch`-th ownership (from 1) of a run: `<epoch>-<seq>`. */
export const formatOffset = (epoch: number, seq: number): string => `${epoch}-${seq}`;

/** Reads an offset back; `undefined` for anything that `formatOffset` did not write. */
export const parseOffset = (offset: string): { epoch: number; seq: number } | undefined => {
  // By hand: it is asked twice for every token, and an expression with groups takes ten times as long.
  const dash = offset.indexOf('-');
  const epoch = digits(offset, 0, dash);
  const seq = digits(offset, dash + 1, offset.length);
  return epoch > 0 && seq >= 0 && offset.charCodeAt(0) !== 48 ? { epoch, seq } : undefined;
};

/** The number that these 1 to 15 characters write, or -1. */
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

/** Orders two offsets as their log does: negative when `a` comes first. Offsets of another form compare as text. */
export const compareOffsets = (a: string, b: string): number => {
  if (a === b) return 0;
  const left = parseOffset(a);
  const right = parseOffset(b);
  if (left === undefined || right === undefined) return a < b ? -1 : a > b ? 1 : 0;
  return left.epoch - right.epoch || left.seq - right.seq;
};
