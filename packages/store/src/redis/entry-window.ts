/**
 * The newest part of a run's log, as held in this process: a list of entries without gaps, from `floor` on. A reader
 * keeps the number of the entry it gets next, which stays valid when older entries are dropped.
 *
 * It extends the list instead of holding one, because at the pace of tokens over many runs each object that a token
 * touches is a cache miss: one object costs less than two, and a closure per method costs more than both.
 */
import { compareOffsets, type LogEntry } from '@chatkit/core';
import { EntryList, type Place, type TextDelta } from '../shared/entry-list.ts';

export class EntryWindow extends EntryList {
  private readonly from: string;
  /** Whether the terminal entry is in. */
  isEnded = false;

  /** `from`: the offset after which the window has every entry; '' is the beginning of the log. */
  constructor(from: string) {
    super();
    this.from = from;
  }

  /** The offset after which the window has every entry. */
  get floor(): string {
    return this.lastDropped() ?? this.from;
  }

  override push(entry: LogEntry, place: Place | undefined, size: number): TextDelta | undefined {
    if ('end' in entry) this.isEnded = true;
    return super.push(entry, place, size);
  }

  /** The last offset that was pushed, or where the window begins if there is none. */
  get lastOffset(): string {
    return this.last === undefined ? this.from : this.last.offset;
  }

  /** The size of all entries held. */
  get bytes(): number {
    return this.total - this.dropped;
  }

  /** Whether a reader that has everything up to `after` can continue in this window. */
  covers(after: string | undefined): boolean {
    const { floor } = this;
    return floor === '' || (after !== undefined && compareOffsets(after, floor) >= 0);
  }

  /** The size of the entries from this number on. */
  bytesFrom(number: number): number {
    return this.total - this.bytesBefore(number);
  }

  /** Drops the oldest entries until at most `bytes` are held, but none from the number `keep` on. */
  trim(bytes: number, keep: number): void {
    while (this.bytes > bytes && this.first < this.end && this.first < keep) this.dropFirst();
  }
}
