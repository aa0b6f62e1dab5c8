/**
 * Cuts entries into batches for a database. A batch has entries of one epoch, with offsets that count up by one, up to
 * the terminal entry, and a limited size.
 */
import { isTextRow, type LogEntry, parseOffset, type RunOutcome, type TextRow } from '@chatkit/core';
import { type BatchPart, encodeBatch } from './batch-text.ts';
import type { Place } from './entry-list.ts';
import { deltaSize, entrySize } from './event-size.ts';

/** The maximum size of a batch, unless a single event is larger. */
const maxBatchBytes = 64 * 1024;

export interface BatchDraft {
  /** The offset before its first entry. */
  readonly before: Place;
  readonly epoch: number;
  /** The `seq` of its last entry's offset. */
  readonly seq: number;
  readonly bytes: number;
  readonly outcome: RunOutcome | '';
  /** The encoded batch. Once it has been read, no more entries are added. */
  readonly text: string;
}

class Draft implements BatchDraft {
  readonly before: Place;
  readonly epoch: number;
  seq: number;
  bytes = 0;
  outcome: RunOutcome | '' = '';
  readonly parts: BatchPart[] = [];
  private made: string | undefined;

  constructor(before: Place, { epoch, seq }: Place) {
    this.before = before;
    this.epoch = epoch;
    this.seq = seq - 1;
  }

  takes({ epoch, seq }: Place, size: number): boolean {
    const isNext = this.epoch === epoch && this.seq + 1 === seq;
    return isNext && this.made === undefined && this.outcome === '' && this.bytes + size <= maxBatchBytes;
  }

  get text(): string {
    this.made ??= encodeBatch(this.parts);
    return this.made;
  }
}

export class BatchDrafts {
  /** Oldest first. A batch is to be removed when it has been written. */
  readonly list: BatchDraft[] = [];
  private open: Draft | undefined;
  private last: Place = { epoch: 0, seq: 0 };

  /** Adds the next entry or row, whose offset must be one of ours. Returns its size. */
  add(what: LogEntry | TextRow): number {
    if (isTextRow(what)) return this.addRow(what);
    const size = entrySize(what);
    const draft = this.draftFor(parseOffset(what.offset) as Place, size);
    draft.parts.push('end' in what ? what.end : what.event);
    if ('end' in what) draft.outcome = what.end;
    return size;
  }

  private addRow({ epoch, seq, itemId, part, deltas }: TextRow): number {
    let bytes = 0;
    for (let at = 0; at < deltas.length; at += 1) {
      const delta = deltas[at] as string;
      const size = deltaSize(delta);
      const { parts } = this.draftFor({ epoch, seq: seq + at }, size);
      const tail = parts.at(-1);
      if (Array.isArray(tail) && tail[0] === itemId && tail[1] === part) tail.push(delta);
      else parts.push([itemId, part, delta]);
      bytes += size;
    }
    return bytes;
  }

  /** The draft for an entry with this offset and size, which is counted as added. */
  private draftFor(place: Place, size: number): Draft {
    if (!this.open?.takes(place, size)) {
      this.open = new Draft(this.last, place);
      this.list.push(this.open);
    }
    const draft = this.open as Draft;
    draft.seq = place.seq;
    draft.bytes += size;
    this.last = place;
    return draft;
  }
}
