/**
 * Lets a reader that fell behind catch up: neighbouring text deltas of one part become one, under the offset of the
 * last. The batch grows with the backlog and is a single event when there is none, so an attentive reader sees every
 * delta and waits for nothing; a replay of 10,000 deltas takes a handful of frames.
 */
import { type LogEntry, textDelta } from '@chatkit/core';
import { isSamePart, isTextDelta, type TextDeltaEvent } from './text-delta.ts';

/** A merged delta is at most about this long, in UTF-16 units. */
const MAX_LENGTH = 16 * 1024;

export interface DeltaMerger {
  /** Takes an entry; returns the one before, if the two say different things. */
  add(entry: LogEntry): LogEntry | undefined;
  /** Returns what it has, because no entry is there that could be joined to it. */
  rest(): LogEntry | undefined;
}

export const createDeltaMerger = (): DeltaMerger => {
  /** The last entry, and, if it is a delta, the text of those before it that it stands for. */
  let held: LogEntry | undefined;
  let before = '';

  const rest = (): LogEntry | undefined => {
    const entry = held;
    held = undefined;
    if (entry === undefined || before === '') return entry;
    const { item_id: itemId, update } = (entry as DeltaEntry).event;
    const whole = textDelta(itemId, before + update.delta, update.content_index);
    before = '';
    return { offset: entry.offset, event: whole };
  };
  return {
    add(entry) {
      if (held !== undefined && isDelta(held) && isDelta(entry) && isSamePart(held.event, entry.event)) {
        const { delta } = held.event.update;
        if (before.length + delta.length <= MAX_LENGTH) {
          before += delta;
          held = entry;
          return undefined;
        }
      }
      const done = rest();
      held = entry;
      return done;
    },
    rest,
  };
};

interface DeltaEntry {
  readonly offset: string;
  readonly event: TextDeltaEvent;
}

const isDelta = (entry: LogEntry): entry is DeltaEntry => 'event' in entry && isTextDelta(entry.event);
