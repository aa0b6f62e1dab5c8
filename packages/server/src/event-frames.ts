/**
 * Step 4 of the path of a token, encode: the entries of one run become SSE frames, shared by all its readers. Readers
 * that keep up ask for the same entry one after the other, so the last frame is cached: an entry that is appended alone
 * is encoded once, however many read it (entries that are appended together, once for each reader). A text delta is put
 * between two cached pieces of JSON. The result equals `encodeSse({ data: serializeEvent(event) })`, byte for byte.
 */
import {
  isTextDelta,
  type LogEntry,
  serializeEvent,
  type TextDeltaEvent,
  type TextRow,
  type ThreadStreamEvent,
  textDelta,
} from '@chatkit/core';
import { createDeltaEncoder, type DeltaEncoderOptions } from '@chatkit/transport';
import { isSamePart } from './same-part.ts';

/** Encodes the frames of one run. All its readers share one instance. */
export class EventFrames {
  private readonly encoder = createDeltaEncoder(textDeltas);
  private last: LogEntry | TextRow | undefined;
  private frame = '';
  /** A delta of the part that the last row was of, and that part, which would be two more objects to look at. */
  private like: ThreadStreamEvent | undefined;
  private itemId = '';
  private part = 0;

  /** The frame of an entry's event, without an `id` field. */
  frameOf(entry: Extract<LogEntry, { event: ThreadStreamEvent }>): string {
    if (entry !== this.last) {
      this.frame = this.encoder.sse(entry.event);
      this.last = entry;
    }
    return this.frame;
  }

  /** The frames of a row's entries, without `id` fields. */
  framesOfRow(row: TextRow): string {
    if (row !== this.last) {
      this.frame = this.encoder.sseRow(this.eventLike(row), row.deltas);
      this.last = row;
    }
    return this.frame;
  }

  /** The same event for all rows of a part: the encoder then has nothing to compare. */
  private eventLike({ itemId, part }: TextRow): ThreadStreamEvent {
    if (this.like === undefined || itemId !== this.itemId || part !== this.part) {
      this.like = textDelta(itemId, '', part);
      this.itemId = itemId;
      this.part = part;
    }
    return this.like;
  }
}

const textDeltas: DeltaEncoderOptions<ThreadStreamEvent> = {
  deltaOf: (event) => (isTextDelta(event) ? event.update.delta : undefined),
  withDelta: (event, delta) => ({ ...event, update: { ...(event as TextDeltaEvent).update, delta } }) as TextDeltaEvent,
  isSame: (event, other) => isSamePart(event as TextDeltaEvent, other as TextDeltaEvent),
  stringify: serializeEvent,
};
