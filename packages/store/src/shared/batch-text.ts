/**
 * The text form of a batch in a database: one JSON array for entries whose offsets count up by one. Neighbouring text
 * deltas of one part, which are most of a run, are `[item id, content index, delta, delta…]`, a tenth of the size of
 * their events' JSON.
 */
import { formatOffset, type LogEntry, type RunOutcome, type ThreadStreamEvent, textDelta } from '@chatkit/core';

/** A row of text deltas, an event, or the outcome, which can only be last. */
export type BatchPart = [itemId: string, part: number, ...deltas: string[]] | ThreadStreamEvent | RunOutcome;

export const encodeBatch = (parts: readonly BatchPart[]): string => JSON.stringify(parts);

/** The entries of a batch whose last offset is `<epoch>-<seq>`. */
export const decodeBatch = (text: string, epoch: number, seq: number): LogEntry[] => {
  const parts = JSON.parse(text) as BatchPart[];
  let at = seq;
  for (const part of parts) at -= isRow(part) ? part.length - 2 : 1;
  const entries: LogEntry[] = [];
  for (const part of parts) {
    if (isRow(part)) {
      const [itemId, index, ...deltas] = part;
      for (const delta of deltas)
        entries.push({ offset: formatOffset(epoch, ++at), event: textDelta(itemId, delta, index) });
    } else if (typeof part === 'string') entries.push({ offset: formatOffset(epoch, ++at), end: part });
    else entries.push({ offset: formatOffset(epoch, ++at), event: part });
  }
  return entries;
};

const isRow = (part: BatchPart): part is [string, number, ...string[]] => Array.isArray(part);
