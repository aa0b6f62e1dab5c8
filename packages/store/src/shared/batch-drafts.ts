/**
 * Cuts entries into batches: of one epoch, with offsets that count up by one, up to the terminal entry and of a
 * bearable size.
 */
import { isTextRow, type LogEntry, parseOffset, type RunOutcome, type TextRow } from '@chatkit/core';
import { type BatchPart, encodeBatch } from './batch-text.ts';
import type { Place } from './entry-list.ts';
import { deltaSize, entrySize } from './event-size.ts';

/** No batch is larger, but for one event that is. */
const maxBatchBytes = 64 * 1024;

export interface BatchDraft {
  /** What came before its first entry. */
  readonly before: Place;
  readonly epoch: number;
  /** The last entry's. */
  readonly seq: number;
  readonly bytes: number;
  readonly outcome: RunOutcome | '';
  /** Its text. Once it has been asked for nothing is added. */
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
    const isNext = this.made === undefined && this.epoch === epoch && this.seq + 1 === seq;
    return isNext && this.bytes + size <= maxBatchBytes;
  }

  get text(): string {
    this.made ??= encodeBatch(this.parts);
    return this.made;
  }
}

export class BatchDrafts {
  /** Oldest first. Whoever has written one takes it out. */
  readonly list: BatchDraft[] = [];
  private open: Draft | undefined;
  private last: Place = { epoch: 0, seq: 0 };

  /** Adds what follows, under an offset of ours. → its bytes. */
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

  /** The draft that an entry of this place and size goes into; it counts as being there. */
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
