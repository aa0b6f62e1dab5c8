/**
 * Lets a reader that fell behind catch up: neighbouring text deltas of one part become one, under the offset of the
 * last. The batch grows with the backlog and is a single event when there is none, so an attentive reader sees every
 * delta and waits for nothing; a replay of 10,000 deltas takes a handful of frames.
 */
import { compareOffsets, type LogEntry, type ThreadItemUpdatedEvent } from '@chatkit/core';

/** A merged delta is at most about this long, in UTF-16 units. */
const MAX_LENGTH = 16 * 1024;

/**
 * Makes a function that is given what was there when the reader asked, and gives back fewer entries that say the same.
 * `newest` is the offset that the producer has reached: a delta at the end of what was there is held back for the next
 * call while there is more to come, at once. Where it is not known, nothing is held back.
 */
export const createDeltaMerger = (newest: () => string | undefined): ((entries: readonly LogEntry[]) => LogEntry[]) => {
  let held: LogEntry | undefined;
  return (entries) => {
    const merged: LogEntry[] = [];
    for (const entry of entries) {
      const both = held === undefined ? undefined : merge(held, entry);
      if (held !== undefined && both === undefined) merged.push(held);
      held = both ?? entry;
    }
    if (held !== undefined && (!isDelta(held) || hasReached(held.offset, newest()))) {
      merged.push(held);
      held = undefined;
    }
    return merged;
  };
};

const hasReached = (offset: string, newest: string | undefined): boolean =>
  newest === undefined || offset === newest || compareOffsets(offset, newest) > 0;

type Update = ThreadItemUpdatedEvent['update'];
type Delta = Extract<Update, { type: 'assistant_message.content_part.text_delta' }>;

const deltaOf = (entry: LogEntry): { itemId: string; update: Delta } | undefined => {
  if (!('event' in entry) || entry.event.type !== 'thread.item.updated') return undefined;
  const { item_id, update } = entry.event;
  return update.type === 'assistant_message.content_part.text_delta' ? { itemId: item_id, update } : undefined;
};

const isDelta = (entry: LogEntry): boolean => deltaOf(entry) !== undefined;

const merge = (first: LogEntry, second: LogEntry): LogEntry | undefined => {
  const [a, b] = [deltaOf(first), deltaOf(second)];
  if (a === undefined || b === undefined || a.itemId !== b.itemId) return undefined;
  if (a.update.content_index !== b.update.content_index || a.update.delta.length > MAX_LENGTH) return undefined;
  return {
    offset: second.offset,
    event: {
      type: 'thread.item.updated',
      item_id: a.itemId,
      update: { ...a.update, delta: a.update.delta + b.update.delta },
    },
  };
};
