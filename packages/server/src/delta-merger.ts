/**
 * Lets a reader that fell behind catch up: neighbouring text deltas of one part become one, under the offset of the
 * last. What is joined grows with the backlog. Without one it is what was appended together: a delta alone, or those of
 * one turn. So an attentive reader waits for nothing, and a replay of 10,000 deltas takes a handful of frames.
 */
import {
  isTextDelta,
  type LogEntry,
  lastOffsetOfRow,
  type TextDeltaEvent,
  type TextRow,
  textDelta,
} from '@chatkit/core';
import { isSamePart } from './same-part.ts';

/** A merged delta is at most about this long, in UTF-16 units. */
const MAX_LENGTH = 16 * 1024;

export class DeltaMerger {
  /** The last entry, and, if it is a delta, the text of those before it that it stands for. */
  private held: LogEntry | undefined;
  private before = '';

  /** Takes an entry; returns the one before, if the two say different things. */
  add(entry: LogEntry): LogEntry | undefined {
    const { held } = this;
    if (held !== undefined && isDelta(held) && isDelta(entry) && isSamePart(held.event, entry.event)) {
      const { delta } = held.event.update;
      if (this.before.length + delta.length <= MAX_LENGTH) {
        this.before += delta;
        this.held = entry;
        return undefined;
      }
    }
    const done = this.rest();
    this.held = entry;
    return done;
  }

  /** Returns what it has, because no entry is there that could be joined to it. */
  rest(): LogEntry | undefined {
    const { held, before } = this;
    this.held = undefined;
    if (held === undefined || before === '') return held;
    this.before = '';
    const { item_id: itemId, update } = (held as DeltaEntry).event;
    return { offset: held.offset, event: textDelta(itemId, before + update.delta, update.content_index) };
  }
}

interface DeltaEntry {
  readonly offset: string;
  readonly event: TextDeltaEvent;
}

const isDelta = (entry: LogEntry): entry is DeltaEntry => 'event' in entry && isTextDelta(entry.event);

/** One entry that says what those of a row do. */
export const joinedRow = (row: TextRow): LogEntry => ({
  offset: lastOffsetOfRow(row),
  event: textDelta(row.itemId, row.deltas.join(''), row.part),
});
