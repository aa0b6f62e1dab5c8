import type { LogEntry } from '@chatkit/core';

/**
 * The approximate size of an event in the log: about the length of its JSON, without encoding it. Walking the object
 * takes a third of the time of encoding, and a bound on memory need not be exact to the byte.
 */
export const eventSize = (value: unknown): number => {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object') return 8;
  if (value === null) return 4;
  let size = 2;
  if (Array.isArray(value)) for (const each of value) size += eventSize(each) + 1;
  else
    for (const key of Object.keys(value)) size += key.length + 4 + eventSize((value as Record<string, unknown>)[key]);
  return size;
};

/** `eventSize` of an entry, without walking text deltas, which are most of a run. */
export const entrySize = (entry: LogEntry): number => {
  if ('event' in entry && entry.event.type === 'thread.item.updated') {
    const { update } = entry.event;
    if (update?.type === 'assistant_message.content_part.text_delta' && typeof update.delta === 'string') {
      return deltaSize(update.delta);
    }
  }
  return eventSize(entry);
};

/** `entrySize` of a text delta with this text. */
export const deltaSize = (delta: string): number => deltaEntrySize + delta.length;

/** The size of a delta's entry without its text, ignoring how long its ids are. */
const deltaEntrySize = 220;
