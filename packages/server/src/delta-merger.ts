/**
 * Lets a reader that fell behind catch up: neighbouring text deltas of one part are merged into one, under the offset
 * of the last. How much is merged depends on the backlog. Without one, only what was appended together is merged: a
 * single delta, or those of one turn of the event loop. So a reader that keeps up waits for nothing, and a replay of
 * 10,000 deltas takes a handful of frames.
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
  /**
   * The newest entry, which has not been returned yet. `before` is the text of the deltas merged into it, without its
   * own.
   */
  private held: LogEntry | undefined;
  private before = '';

  /** Takes an entry. Returns the previous one, unless the two could be merged. */
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

  /** Returns the entry that is held back, because there is no next one to merge with it yet. */
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

/** One entry that is equivalent to all the entries of a row. */
export const joinedRow = (row: TextRow): LogEntry => ({
  offset: lastOffsetOfRow(row),
  event: textDelta(row.itemId, row.deltas.join(''), row.part),
});
