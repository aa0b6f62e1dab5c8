/**
 * Checks the size of entries before they are appended: an entry must not be larger than what the log keeps of a run,
 * nor than a row of its database.
 */
import type { ChatKitError, LogEntry, TextRow } from '@chatkit/core';
import { entrySize } from './event-size.ts';
import { tooLarge } from './too-large.ts';

export interface Fitting {
  /** Splits entries: those before the first that is too large, and the error for that one. */
  entries(
    runId: string,
    entries: readonly LogEntry[],
  ): { readonly fitting: readonly LogEntry[]; readonly refused: ChatKitError | undefined };
  /** Whether it is certain that none of a row's entries is too large for the database. */
  row(row: TextRow): boolean;
}

/** `maxEventBytes` limits the JSON of an event, in UTF-8. */
export const createFitting = (maxBytes: number, maxEventBytes = Number.POSITIVE_INFINITY): Fitting => {
  // No UTF-16 unit takes more than six bytes of JSON, the length of an escape.
  const surelyFits = (size: number): boolean => size * 6 <= maxEventBytes;
  const limitOf = (entry: LogEntry): number | undefined => {
    const size = entrySize(entry);
    if (size > maxBytes) return maxBytes;
    if (surelyFits(size)) return undefined;
    return new TextEncoder().encode(JSON.stringify(entry)).byteLength > maxEventBytes ? maxEventBytes : undefined;
  };
  return {
    entries(runId, entries) {
      for (let at = 0; at < entries.length; at += 1) {
        const entry = entries[at] as LogEntry;
        const limit = limitOf(entry);
        if (limit !== undefined)
          return { fitting: entries.slice(0, at), refused: tooLarge(runId, entry.offset, limit) };
      }
      return { fitting: entries, refused: undefined };
    },
    row: ({ deltas }) => maxEventBytes === Number.POSITIVE_INFINITY || deltas.every(({ length }) => surelyFits(length)),
  };
};
