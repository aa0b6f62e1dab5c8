/**
 * Verb 4 of the path of a token, for all readers of one run: entries become text. Readers that keep up ask for the same
 * entry one after the other, so one that is appended alone is encoded once, however many read (of those that are
 * appended together, once for each reader); text deltas are put between two cached pieces of JSON. What comes out is
 * `encodeSse({ data: serializeEvent(event) })`, byte for byte.
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

/** The frames of one run: the same object for all its readers. */
export class EventFrames {
  private readonly encoder = createDeltaEncoder(textDeltas);
  private last: LogEntry | TextRow | undefined;
  private frame = '';

  /** The entry's event as a frame without an id. */
  frameOf(entry: Extract<LogEntry, { event: ThreadStreamEvent }>): string {
    if (entry !== this.last) {
      this.frame = this.encoder.sse(entry.event);
      this.last = entry;
    }
    return this.frame;
  }

  /** The frames of a row's entries, without ids. */
  framesOfRow(row: TextRow): string {
    if (row !== this.last) {
      this.frame = this.encoder.sseRow(textDelta(row.itemId, '', row.part), row.deltas);
      this.last = row;
    }
    return this.frame;
  }
}

const textDeltas: DeltaEncoderOptions<ThreadStreamEvent> = {
  deltaOf: (event) => (isTextDelta(event) ? event.update.delta : undefined),
  withDelta: (event, delta) => ({ ...event, update: { ...(event as TextDeltaEvent).update, delta } }) as TextDeltaEvent,
  isSame: (event, other) => isSamePart(event as TextDeltaEvent, other as TextDeltaEvent),
  stringify: serializeEvent,
};
