/**
 * A compact list of the entries of one run, oldest first. Most entries are text deltas of one part, with offsets that
 * count up, so these are kept as a row: what they have in common once, and only the text of each. An entry of a row is
 * rebuilt when it is read; all other entries are kept as they were given.
 *
 * The reason: an entry is four objects, and the garbage collector copies each surviving object twice. At the pace of
 * tokens that is more work than everything else a log does.
 */
import {
  compareOffsets,
  formatOffset,
  type LogEntry,
  type parseOffset,
  type TextRow,
  type ThreadItemUpdateOf,
  textDelta,
} from '@chatkit/core';
import { deltaSize } from './event-size.ts';

/** Neighbouring text deltas of one part, whose offsets are those of one epoch and count up by one. */
interface Row {
  readonly itemId: string;
  readonly part: number;
  /** The number of its first entry. */
  readonly from: number;
  /** The offset of its first entry. */
  readonly epoch: number;
  readonly seq: number;
  length: number;
}

/** A parsed offset. Parsed once per entry, because that is a large part of the cost of an append. */
export type Place = NonNullable<ReturnType<typeof parseOffset>>;

/** `recent` for an append of a single entry, which needs no array. */
const none: LogEntry[] = [];

/** About how many bytes of entries a row that is read stands for, at most. */
const mostOfRow = 8 * 1024;

/**
 * Entries are numbered from 0 in the order in which they were pushed; an entry keeps its number when older ones are
 * dropped.
 */
export class EntryList {
  /** An entry, or the text of a delta that belongs to a row. */
  private readonly slots: (LogEntry | string)[] = [];
  private readonly rows: Row[] = [];
  /** The row that the last entry belongs to, if it is a text delta. */
  private row: Row | undefined;
  /**
   * For each slot: the bytes ever pushed, up to and including it. An array of numbers costs a tenth of one of objects.
   */
  private readonly ends: number[] = [];
  /** The number of `slots[0]`. */
  private base = 0;
  /** The parsed offset of the last entry. Its epoch, which is above 0, is 0 here if the offset is not one of ours. */
  lastEpoch = 0;
  private lastSeq = 0;
  /**
   * The offset of the last entry that was dropped, or the row that it was in: formatting an offset at each drop would
   * cost, and a full log drops an entry for each that comes.
   */
  private gone: Row | string | undefined;
  /** The last entry, if it was pushed as one. */
  last: LogEntry | undefined;
  /** The row that was pushed last, if the last push was a row: readers that keep up share it. */
  private recentRow: TextRow | undefined;
  /**
   * The entries of the last append, if there were several: readers that keep up get the very objects, before the next
   * append.
   */
  private recent = none;
  /** The number of the oldest entry that is kept. */
  first = 0;
  /** The number that the next entry gets. */
  end = 0;
  /** Bytes ever pushed. */
  total = 0;
  /** The bytes of the entries that were dropped. */
  dropped = 0;

  /**
   * Whether an offset is above that of the last entry. Offsets grow, so an entry with any other offset is a duplicate.
   */
  isNew(offset: string, place: Place | undefined): boolean {
    if (this.end === 0) return true;
    if (place !== undefined && this.lastEpoch > 0) return this.isBehind(place);
    const last = this.last?.offset ?? formatOffset(this.lastEpoch, this.lastSeq);
    return compareOffsets(offset, last) > 0;
  }

  /** Whether a row can be pushed: all of its offsets are above that of the last entry. */
  isNewRow(row: TextRow): boolean {
    return this.end === 0 || (this.lastEpoch > 0 && this.isBehind(row));
  }

  private isBehind({ epoch, seq }: Place): boolean {
    return epoch > this.lastEpoch || (epoch === this.lastEpoch && seq > this.lastSeq);
  }

  /** The offset of the last entry that was dropped. */
  lastDropped(): string | undefined {
    const { gone } = this;
    return typeof gone === 'object' ? formatOffset(gone.epoch, gone.seq + this.first - 1 - gone.from) : gone;
  }

  /**
   * Begins an append of `count` entries. The objects of the previous append are released; its text deltas remain as
   * rows.
   */
  beginAppend(count: number): void {
    this.recent = count > 1 ? [] : none;
  }

  /** Adds an entry of `size` bytes; `place` is its parsed offset. Returns the result of `plainDelta`. */
  push(entry: LogEntry, place: Place | undefined, size: number): TextDelta | undefined {
    const update = plainDelta(entry);
    if (place === undefined || update === undefined) {
      this.slots.push(entry);
      this.row = undefined;
    } else {
      this.slots.push(update.delta);
      this.extendRow((entry as DeltaEntry).event.item_id, update.content_index, place, 1);
    }
    this.lastEpoch = place?.epoch ?? 0;
    this.lastSeq = place?.seq ?? 0;
    this.total += size;
    this.ends.push(this.total);
    this.end += 1;
    this.last = entry;
    this.recentRow = undefined;
    if (this.recent !== none) this.recent.push(entry);
    return update;
  }

  /** Adds the entries of a row, whose offsets must be new. */
  pushRow(row: TextRow): void {
    const { itemId, part, epoch, seq, deltas } = row;
    const count = deltas.length;
    this.extendRow(itemId, part, row, count);
    for (const delta of deltas) {
      this.slots.push(delta);
      this.total += deltaSize(delta);
      this.ends.push(this.total);
    }
    this.lastEpoch = epoch;
    this.lastSeq = seq + count - 1;
    this.end += count;
    this.last = undefined;
    this.recent = none;
    this.recentRow = row;
  }

  /** Extends the current row by deltas that are being added, or begins a new one. */
  private extendRow(itemId: string, part: number, { epoch, seq }: Place, count: number): void {
    const { row } = this;
    if (
      row !== undefined &&
      row.seq + row.length === seq &&
      row.epoch === epoch &&
      row.part === part &&
      row.itemId === itemId
    )
      row.length += count;
    else {
      this.row = { itemId, part, from: this.end, epoch, seq, length: count };
      this.rows.push(this.row);
    }
  }

  /**
   * The entry with this number, if it is held. For entries of the newest append these are the objects that were pushed.
   */
  at(number: number): LogEntry | undefined {
    if (number < this.first || number >= this.end) return undefined;
    if (this.last !== undefined) {
      if (number === this.end - 1) return this.last;
      const place = number - this.end + this.recent.length;
      if (place >= 0) return this.recent[place];
    }
    const slot = this.slots[number - this.base] as LogEntry | string;
    if (typeof slot !== 'string') return slot;
    const { itemId, part, epoch, from, seq } = this.rows[this.rowOf(number)] as Row;
    return { offset: formatOffset(epoch, seq + number - from), event: textDelta(itemId, slot, part) };
  }

  /** The row of neighbouring deltas that begins at this number, or the entry there. */
  rowAt(number: number): LogEntry | TextRow | undefined {
    const { recentRow } = this;
    if (number < this.first || number >= this.end) return undefined;
    if (recentRow !== undefined && number === this.end - recentRow.deltas.length) return recentRow;
    const at = number - this.base;
    if (typeof this.slots[at] !== 'string') return this.slots[at] as LogEntry;
    const { itemId, part, epoch, from, seq, length } = this.rows[this.rowOf(number)] as Row;
    const most = Math.min(from + length, this.end) - this.base;
    const bytes = this.bytesBefore(number) + mostOfRow;
    let to = at + 1;
    while (to < most && (this.ends[to] as number) <= bytes) to += 1;
    return { epoch, seq: seq + number - from, itemId, part, deltas: this.slots.slice(at, to) as string[] };
  }

  /** Whether the entry with this number, which must be held, is a plain text delta. */
  isPlainDelta(number: number): boolean {
    return typeof this.slots[number - this.base] === 'string';
  }

  /** The number of the first entry whose offset is above `after`. */
  firstAfter(after: string): number {
    let low = this.first;
    let high = this.end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareOffsets((this.at(middle) as LogEntry).offset, after) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Bytes ever pushed before the entry with this number. */
  bytesBefore(number: number): number {
    return number <= this.first ? this.dropped : (this.ends[number - this.base - 1] as number);
  }

  dropFirst(): void {
    const at = this.first - this.base;
    const slot = this.slots[at] as LogEntry | string;
    if (typeof slot !== 'string') this.gone = slot.offset;
    else if (typeof this.gone !== 'object' || this.first >= this.gone.from + this.gone.length)
      this.gone = this.rows[this.rowOf(this.first)];
    this.dropped = this.ends[at] as number;
    this.first += 1;
    const dead = this.first - this.base;
    // Compact once half of the array is dead: moving the rest then costs no more than appending the dead half did.
    if (dead <= 32 || dead * 2 <= this.slots.length) return;
    this.slots.splice(0, dead);
    this.ends.splice(0, dead);
    this.base = this.first;
    this.rows.splice(0, Math.max(0, this.rowOf(this.first)));
  }

  /** The index in `rows` of the last row that begins at or before the entry with this number; -1 if there is none. */
  private rowOf(number: number): number {
    const { rows } = this;
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((rows[middle] as Row).from <= number) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

export type TextDelta = ThreadItemUpdateOf<'assistant_message.content_part.text_delta'>;
type DeltaEntry = { event: { item_id: string } };

/** The update of an entry that is a plain text delta, that is, without additional fields, which a row would lose. */
export const plainDelta = (entry: LogEntry): TextDelta | undefined => {
  if (!('event' in entry) || entry.event.type !== 'thread.item.updated') return undefined;
  const { item_id: itemId, update } = entry.event;
  if (update?.type !== 'assistant_message.content_part.text_delta') return undefined;
  const isWhole =
    typeof update.delta === 'string' && Number.isSafeInteger(update.content_index) && typeof itemId === 'string';
  return isWhole && keysOf(entry) === 2 && keysOf(entry.event) === 3 && keysOf(update) === 3 ? update : undefined;
};

const keysOf = (object: object): number => {
  let count = 0;
  for (const _ in object) count += 1;
  return count;
};
