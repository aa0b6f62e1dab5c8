/**
 * Rows: many consecutive text deltas in one object, an optimisation for logs. Most of a run consists of deltas of one
 * part at consecutive offsets, which come by the dozen. As log entries, each costs four short-lived objects; a row
 * holds the same information and costs little more than its text.
 */
import { textDelta } from './build/event.ts';
import { formatOffset, type LogEntry, type ReadOptions, type StreamLog } from './stream-log.ts';

/** Stands for one log entry for each of `deltas`, of which there is at least one. */
export interface TextRow {
  /** The first delta has the offset `<epoch>-<seq>`; each further one has the next. */
  readonly epoch: number;
  readonly seq: number;
  readonly itemId: string;
  /** The part's index in the item's content: `content_index`. */
  readonly part: number;
  readonly deltas: readonly string[];
}

/**
 * The methods for rows that a log may offer besides `append` and `read`. They access the same entries under the same
 * rules, only with neighbouring deltas grouped. How deltas were grouped when written is not preserved.
 */
export interface RowLane {
  /** The log that this lane belongs to; see {@link rowLaneOf}. */
  readonly log: StreamLog;
  /** Makes a writer for the rows of one run. Does not throw, even if there is no such run. */
  writer(runId: string): RowWriter;
  /** Like `StreamLog.read`, but a row may stand for several entries. */
  read(runId: string, options?: ReadOptions): AsyncIterable<LogEntry | TextRow>;
}

/**
 * Writes the rows of one run. An object and not a method that is given the run's id: a server with many runs finds
 * nothing of a run in the processor's caches when its next token comes, and a look into a table of runs is several
 * reads from memory.
 */
export interface RowWriter {
  /** Like `StreamLog.append` with the row's entries, errors included. */
  append(row: TextRow): Promise<void> | undefined;
}

/** The key under which a log offers its lane, if it has one. */
export const textRows: unique symbol = Symbol.for('chatkit.log.rows') as never;

/**
 * The lane of a log, if it has its own. A wrapper of a log (`{ ...log, append }`, a `Proxy`, an object with the log as
 * its prototype) inherits the lane of the wrapped log, which would bypass the wrapper; such a lane is ignored.
 *
 * @example
 * const lane = rowLaneOf(log);
 * if (lane === undefined) await log.append(runId, entriesOfRow(textRow));
 * else await lane.writer(runId).append(textRow);
 */
export const rowLaneOf = (log: StreamLog): RowLane | undefined => {
  const lane = log[textRows];
  return lane?.log === log ? lane : undefined;
};

/** Whether a value read from a lane is a row. */
export const isTextRow = (read: LogEntry | TextRow): read is TextRow => 'deltas' in read;

/** The entries that a row stands for. */
export const entriesOfRow = ({ epoch, seq, itemId, part, deltas }: TextRow): LogEntry[] =>
  deltas.map((delta, at) => ({ offset: formatOffset(epoch, seq + at), event: textDelta(itemId, delta, part) }));

/** The offset of the last entry that a row stands for. */
export const lastOffsetOfRow = ({ epoch, seq, deltas }: TextRow): string =>
  formatOffset(epoch, seq + deltas.length - 1);
