import type { LogEntry } from '@chatkit/core';

/**
 * How much an event weighs in the log: about the length of its JSON text, without making that text. Walking the object
 * takes a third of the time of encoding it, and a bound on memory does not need the last byte.
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

/** `eventSize` of an entry; of a text delta, which is most of a run, without walking. */
export const entrySize = (entry: LogEntry): number => {
  if ('event' in entry && entry.event.type === 'thread.item.updated') {
    const { update } = entry.event;
    if (update?.type === 'assistant_message.content_part.text_delta' && typeof update.delta === 'string') {
      return deltaSize(update.delta);
    }
  }
  return eventSize(entry);
};

/** `entrySize` of an entry that adds this text. */
export const deltaSize = (delta: string): number => deltaEntrySize + delta.length;

/** An entry with an empty delta; how long its ids are is within what "about" allows. */
const deltaEntrySize = 220;
