/**
 * The newest part of a run's log in this process: the entries of a list, complete from `floor` on. Readers keep the
 * number of the entry they get next, which stays valid while older entries go.
 *
 * A class that adds to the list instead of holding it: at a token's pace over many runs every object that a token
 * touches is out of the caches again, so one object costs less than two, and a closure for each method more than all.
 */
import { compareOffsets, type LogEntry } from '@chatkit/core';
import { EntryList, type Place, type TextDelta } from '../shared/entry-list.ts';

export class EntryWindow extends EntryList {
  private readonly from: string;
  /** Whether the terminal entry is in. */
  isEnded = false;

  /** `from`: the offset after which nothing will be missing; '' is the beginning of the log. */
  constructor(from: string) {
    super();
    this.from = from;
  }

  /** The offset after which nothing is missing. */
  get floor(): string {
    return this.lastDropped() ?? this.from;
  }

  override push(entry: LogEntry, place: Place | undefined, size: number): TextDelta | undefined {
    if ('end' in entry) this.isEnded = true;
    return super.push(entry, place, size);
  }

  /** The last offset that was pushed; where the window began while there is none. */
  get lastOffset(): string {
    return this.last === undefined ? this.from : this.last.offset;
  }

  /** Bytes of all that is held. */
  get bytes(): number {
    return this.total - this.dropped;
  }

  /** Whether a reader that has everything up to `after` can go on here. */
  covers(after: string | undefined): boolean {
    const { floor } = this;
    return floor === '' || (after !== undefined && compareOffsets(after, floor) >= 0);
  }

  /** Bytes from the entry with this number on. */
  bytesFrom(number: number): number {
    return this.total - this.bytesBefore(number);
  }

  /** Drops the oldest entries while there are more than `bytes`, but none from `keep` on. */
  trim(bytes: number, keep: number): void {
    while (this.bytes > bytes && this.first < this.end && this.first < keep) this.dropFirst();
  }
}
