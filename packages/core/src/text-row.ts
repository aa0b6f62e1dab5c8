/**
 * Text deltas that belong together, in one object. Most of a run are deltas of one part under offsets that count up, and they
 * come by the dozen; as entries, each is four objects that are made to be taken apart. A row says the same, and costs its text.
 */
import { textDelta } from './build/event.ts';
import { formatOffset, type LogEntry, type ReadOptions, type StreamLog } from './stream-log.ts';

/** What one entry for each of `deltas`, of which there is at least one, would say. */
export interface TextRow {
  /** The first delta is at the offset `<epoch>-<seq>`; those of the others count up by one. */
  readonly epoch: number;
  readonly seq: number;
  readonly itemId: string;
  /** The place of the part in the item's content: `content_index`. */
  readonly part: number;
  readonly deltas: readonly string[];
}

/**
 * The lane for rows that a log may have beside `append` and `read`: the same entries, the same rules, but that neighbouring deltas
 * come and go together. How they are cut into rows is not kept.
 */
export interface RowLane {
  /** The log whose lane this is; see {@link rowLaneOf}. */
  readonly log: StreamLog;
  /** `StreamLog.append` of the row's entries. */
  append(runId: string, row: TextRow): Promise<void> | undefined;
  /** `StreamLog.read`, where a row stands for its entries. */
  read(runId: string, options?: ReadOptions): AsyncIterable<LogEntry | TextRow>;
}

/** Where a log keeps its lane, if it has one. */
export const textRows: unique symbol = Symbol.for('chatkit.log.rows') as never;

/**
 * The lane of a log, if it has one of its own. What wraps a log, by `{ ...log, append }`, a `Proxy` or its prototype,
 * has the lane of what it wraps, which would go past what the wrapper does: that is no lane of the wrapper.
 *
 * @example
 * const lane = rowLaneOf(log);
 * if (lane === undefined) await log.append(runId, entriesOfRow(row));
 * else await lane.append(runId, row);
 */
export const rowLaneOf = (log: StreamLog): RowLane | undefined => {
  const lane = log[textRows];
  return lane?.log === log ? lane : undefined;
};

/** Whether what was read is a row. */
export const isTextRow = (read: LogEntry | TextRow): read is TextRow => 'deltas' in read;

/** The entries that a row stands for. */
export const entriesOfRow = ({ epoch, seq, itemId, part, deltas }: TextRow): LogEntry[] =>
  deltas.map((delta, at) => ({ offset: formatOffset(epoch, seq + at), event: textDelta(itemId, delta, part) }));

/** The offset of the last entry that a row stands for. */
export const lastOffsetOfRow = ({ epoch, seq, deltas }: TextRow): string =>
  formatOffset(epoch, seq + deltas.length - 1);
