/**
 * The entries of one run, oldest first, in little memory. Most of a run are text deltas of one part under offsets that count
 * up, so they are kept by the row: what they have in common once, and of each nothing but its text. An entry of a row is made
 * anew for whoever reads it; all others are kept as they were given. A row that comes as one is kept as it is.
 *
 * Why: an entry is four objects, and the collector moves what survives twice. At a token's pace that is more work than
 * everything else a log does. Short rows, too, because an array that grows with the run is copied each time that it has outgrown
 * itself: of 200 runs at once, each of those copies would survive.
 */
import {
  compareOffsets,
  formatOffset,
  isTextRow,
  type LogEntry,
  type parseOffset,
  type TextRow,
  type ThreadItemUpdateOf,
  textDelta,
} from '@chatkit/core';
import { deltaSize } from './event-size.ts';

/** What is kept as one: an entry, or neighbouring text deltas. */
interface Piece {
  readonly kept: LogEntry | TextRow;
  /** The number of its first entry. */
  readonly from: number;
  /** Bytes ever pushed before it. */
  readonly before: number;
  /** Of a row that was put together here, for each delta: bytes ever pushed, up to and with it. Of another, `deltaSize` tells. */
  readonly ends: number[] | undefined;
}

/** A row to which deltas are added one by one. */
interface GrowingRow extends Piece {
  readonly kept: TextRow & { readonly deltas: string[] };
  readonly ends: number[];
}

/** What an offset of ours says: asked once per entry, because reading it is a good part of an append. */
export type Place = NonNullable<ReturnType<typeof parseOffset>>;

/** What an append of one entry needs no array for. */
const none: LogEntry[] = [];

/** A row grows to about this many bytes of entries: it is what a reader gets at once, and it goes only when all of it may. */
const mostOfRow = 8 * 1024;

/** One that comes as a row is kept as it is if it is about as large, from this many deltas on: a piece costs what ten of them do. */
const fewDeltas = 8;

/** Entries are numbered from 0 on, in the order in which they were pushed; a number stays that of its entry. */
export class EntryList {
  private readonly pieces: Piece[] = [];
  /** How many of them are gone. */
  private dead = 0;
  /** The last piece, if deltas may be added to it. */
  private growing: GrowingRow | undefined;
  /** What the offset of the last entry says, if it is one of ours. */
  lastPlace: Place | undefined;
  /** The offset of the last entry of the last piece that is gone. */
  private gone: string | undefined;
  /** The last entry, if it was pushed as one. */
  last: LogEntry | undefined;
  /** What was pushed last, if that was a row: readers that keep up share it. */
  private recentRow: TextRow | undefined;
  /** The entries of the last append as they were pushed, if there were several: readers that keep up take them before the next one. */
  private recent = none;
  /** The number of the oldest entry that is kept. */
  first = 0;
  /** The number that the next entry gets. */
  end = 0;
  /** Bytes ever pushed. */
  total = 0;
  /** Bytes of the entries that are gone. */
  dropped = 0;

  /** Whether an offset is above that of the last entry: offsets grow, so an entry with another has been here already. */
  isNew(offset: string, place: Place | undefined): boolean {
    if (this.end === 0) return true;
    if (place !== undefined && this.lastPlace !== undefined) return this.isBehind(place);
    const last = this.last?.offset ?? formatOffset(this.lastPlace?.epoch as number, this.lastPlace?.seq as number);
    return compareOffsets(offset, last) > 0;
  }

  /** Whether a row can be pushed: all of its offsets are above that of the last entry. */
  isNewRow(row: TextRow): boolean {
    return this.end === 0 || (this.lastPlace !== undefined && this.isBehind(row));
  }

  private isBehind(place: Place): boolean {
    const { epoch, seq } = this.lastPlace as Place;
    return place.epoch > epoch || (place.epoch === epoch && place.seq > seq);
  }

  /** The offset of the last entry that is gone. */
  lastDropped(): string | undefined {
    const piece = this.pieces[this.dead];
    return piece === undefined || piece.from === this.first ? this.gone : entryIn(piece, this.first - 1).offset;
  }

  /** An append of so many entries begins. Of the one before, rows stand for the objects from now on. */
  beginAppend(count: number): void {
    this.recent = count > 1 ? [] : none;
  }

  /** Adds an entry of `size` bytes, whose offset says `place`. → what `plainDelta` says of it. */
  push(entry: LogEntry, place: Place | undefined, size: number): TextDelta | undefined {
    const update = plainDelta(entry);
    if (place === undefined || update === undefined) this.pushPiece(entry, size);
    else this.pushDelta((entry as DeltaEntry).event.item_id, update.content_index, place, update.delta, size);
    this.lastPlace = place;
    this.last = entry;
    this.recentRow = undefined;
    if (this.recent !== none) this.recent.push(entry);
    return update;
  }

  /** Adds the entries of a row, whose offsets are new; their sizes are those of `deltaSize`. The row is kept by reference. */
  pushRow(row: TextRow): void {
    const { itemId, part, epoch, seq, deltas } = row;
    const size = sizeOf(deltas);
    if (deltas.length >= fewDeltas && size <= 2 * mostOfRow) this.pushPiece(row, size);
    else
      for (const [at, delta] of deltas.entries())
        this.pushDelta(itemId, part, { epoch, seq: seq + at }, delta, deltaSize(delta));
    this.lastPlace = { epoch, seq: seq + deltas.length - 1 };
    this.last = undefined;
    this.recent = none;
    this.recentRow = row;
  }

  private pushPiece(kept: LogEntry | TextRow, size: number): void {
    this.pieces.push({ kept, from: this.end, before: this.total, ends: undefined });
    this.growing = undefined;
    this.end += countOf(kept);
    this.total += size;
  }

  /** Adds a delta to the row that it continues, or begins one with it. */
  private pushDelta(itemId: string, part: number, { epoch, seq }: Place, delta: string, size: number): void {
    let row = this.growing;
    if (row === undefined || this.total - row.before >= mostOfRow || !continues(row.kept, itemId, part, epoch, seq)) {
      const kept = { epoch, seq, itemId, part, deltas: [] };
      row = { kept, from: this.end, before: this.total, ends: [] };
      this.pieces.push(row);
      this.growing = row;
    }
    this.total += size;
    this.end += 1;
    row.kept.deltas.push(delta);
    row.ends.push(this.total);
  }

  /** The entry with this number, if it is there. Those of the newest append are the objects that were pushed. */
  at(number: number): LogEntry | undefined {
    if (number < this.first || number >= this.end) return undefined;
    if (this.last !== undefined) {
      if (number === this.end - 1) return this.last;
      const place = number - this.end + this.recent.length;
      if (place >= 0) return this.recent[place];
    }
    return entryIn(this.pieceOf(number), number);
  }

  /** What is there from this number on, as far as it is one: the text that follows each other, or an entry. */
  rowAt(number: number): LogEntry | TextRow | undefined {
    const { recentRow } = this;
    if (number < this.first || number >= this.end) return undefined;
    if (recentRow !== undefined && number === this.end - recentRow.deltas.length) return recentRow;
    const piece = this.pieceOf(number);
    const { kept, from } = piece;
    if (!isTextRow(kept) || (number === from && piece !== this.growing)) return kept;
    const { epoch, seq, itemId, part, deltas } = kept;
    return { epoch, seq: seq + number - from, itemId, part, deltas: deltas.slice(number - from) };
  }

  /** Whether the entry with this number is a text delta and nothing more. It must be there. */
  isPlainDelta(number: number): boolean {
    return isTextRow(this.pieceOf(number).kept);
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
    if (number <= this.first) return this.dropped;
    return number >= this.end ? this.total : bytesBeforeIn(this.pieceOf(number), number);
  }

  dropFirst(): void {
    const piece = this.pieces[this.dead] as Piece;
    const { kept, from } = piece;
    this.dropped = this.bytesBefore(this.first + 1);
    this.first += 1;
    if (this.first < from + countOf(kept)) return;
    this.gone = entryIn(piece, this.first - 1).offset;
    if (piece === this.growing) this.growing = undefined;
    this.dead += 1;
    // Half of the array is dead: moving the rest costs no more than appending the dead half did.
    if (this.dead * 2 <= this.pieces.length) return;
    this.pieces.splice(0, this.dead);
    this.dead = 0;
  }

  /** The piece that has the entry with this number, which must be there: mostly the last. */
  private pieceOf(number: number): Piece {
    const { pieces } = this;
    let low = this.dead;
    let high = pieces.length - 1;
    if ((pieces[high] as Piece).from <= number) return pieces[high] as Piece;
    // The last one that begins at or before it.
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((pieces[middle] as Piece).from <= number) low = middle;
      else high = middle - 1;
    }
    return pieces[low] as Piece;
  }
}

const countOf = (kept: LogEntry | TextRow): number => (isTextRow(kept) ? kept.deltas.length : 1);

const entryIn = ({ kept, from }: Piece, number: number): LogEntry => {
  if (!isTextRow(kept)) return kept;
  const { epoch, seq, itemId, part, deltas } = kept;
  const at = number - from;
  return { offset: formatOffset(epoch, seq + at), event: textDelta(itemId, deltas[at] as string, part) };
};

const bytesBeforeIn = ({ kept, from, before, ends }: Piece, number: number): number => {
  const at = number - from;
  if (at === 0 || !isTextRow(kept)) return before;
  return ends === undefined ? before + sizeOf(kept.deltas, at) : (ends[at - 1] as number);
};

/** The bytes of the entries of so many deltas. */
const sizeOf = (deltas: readonly string[], count = deltas.length): number => {
  let size = 0;
  for (let at = 0; at < count; at += 1) size += deltaSize(deltas[at] as string);
  return size;
};

const continues = (row: TextRow, itemId: string, part: number, epoch: number, seq: number): boolean =>
  row.seq + row.deltas.length === seq && row.epoch === epoch && row.part === part && row.itemId === itemId;

export type TextDelta = ThreadItemUpdateOf<'assistant_message.content_part.text_delta'>;
type DeltaEntry = { event: { item_id: string } };

/** The update of an entry that is a text delta and nothing more: what another has besides would be lost in a row. */
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
