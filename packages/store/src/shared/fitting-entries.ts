/** Which entries a log takes: none that is larger than all it keeps of a run, or than a row of its database. */
import type { ChatKitError, LogEntry } from '@chatkit/core';
import { entrySize } from './event-size.ts';
import { tooLarge } from './too-large.ts';

export interface FittingEntries {
  /** Those before the first that is too large. */
  readonly fitting: readonly LogEntry[];
  /** What is said to that one. */
  readonly refused: ChatKitError | undefined;
}

/** `maxEventBytes`: of the JSON of an event, in UTF-8. */
export const fittingEntries = (maxBytes: number, maxEventBytes = Number.POSITIVE_INFINITY) => {
  const limitOf = (entry: LogEntry): number | undefined => {
    const size = entrySize(entry);
    if (size > maxBytes) return maxBytes;
    // No UTF-16 unit takes more than six bytes: an escape.
    if (size * 6 <= maxEventBytes) return undefined;
    return new TextEncoder().encode(JSON.stringify(entry)).byteLength > maxEventBytes ? maxEventBytes : undefined;
  };
  return (runId: string, entries: readonly LogEntry[]): FittingEntries => {
    for (let at = 0; at < entries.length; at += 1) {
      const entry = entries[at] as LogEntry;
      const limit = limitOf(entry);
      if (limit !== undefined) return { fitting: entries.slice(0, at), refused: tooLarge(runId, entry.offset, limit) };
    }
    return { fitting: entries, refused: undefined };
  };
};
