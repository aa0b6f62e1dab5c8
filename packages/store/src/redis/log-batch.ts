/** Decodes batches: one entry of a Redis stream holds several entries of a log. */
import { formatOffset, type LogEntry, parseOffset, type RunOutcome } from '@chatkit/core';
import { decodeEvent } from './event-text.ts';

/** A batch as read from Redis. */
export interface Batch {
  readonly id: string;
  /** The offset before the first entry; '' when there is none. */
  readonly before: string;
  readonly entries: readonly LogEntry[];
  /** The average size of its entries. */
  readonly bytesPerEntry: number;
}

/** Decodes `[id, [field, value, …]]`, as Redis replies. `undefined` for the tombstone of a deleted run. */
export const decodeBatch = (raw: unknown): Batch | undefined => {
  const [id, fields] = raw as [string, string[]];
  const field = (name: string): string | undefined => {
    for (let at = 0; at < fields.length; at += 2) if (fields[at] === name) return fields[at + 1];
    return undefined;
  };
  const text = field('e');
  const last = parseOffset(id);
  if (text === undefined || last === undefined) return undefined;
  const events = JSON.parse(text) as unknown[];
  const outcome = field('o') as RunOutcome | undefined;
  const first = last.seq - events.length + (outcome === undefined ? 1 : 0);
  const entries: LogEntry[] = events.map((event, index) => ({
    offset: formatOffset(last.epoch, first + index),
    event: decodeEvent(event),
  }));
  if (outcome !== undefined) entries.push({ offset: id, end: outcome });
  return { id, before: field('p') ?? '', entries, bytesPerEntry: Math.ceil(text.length / entries.length) };
};

/**
 * Normalizes the reply of XREAD to pairs. By protocol and client it is an array of pairs, a flat array, a `Map` or an
 * object.
 */
export const readReplyPairs = (reply: unknown): [key: string, batches: unknown[]][] => {
  if (reply === null || reply === undefined) return [];
  if (reply instanceof Map) return [...reply] as [string, unknown[]][];
  if (!Array.isArray(reply)) return Object.entries(reply) as [string, unknown[]][];
  if (typeof reply[0] !== 'string') return reply as [string, unknown[]][];
  const pairs: [string, unknown[]][] = [];
  for (let at = 0; at < reply.length; at += 2) pairs.push([reply[at], reply[at + 1]]);
  return pairs;
};
