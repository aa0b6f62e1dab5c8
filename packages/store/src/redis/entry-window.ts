/**
 * The newest part of a run's log in this process: a ring of entries, complete from `floor` on. Readers keep an index into
 * it, which stays valid while older entries go.
 */
import { compareOffsets, type LogEntry } from '@chatkit/core';

export interface EntryWindow {
  /** The offset after which nothing is missing; '' is the beginning of the log. */
  floor(): string;
  /** The last offset that was pushed; `floor` while there is none. */
  last(): string;
  /** Index of the oldest entry that is held, and the index that the next one will have. */
  start(): number;
  end(): number;
  /** Whether the terminal entry is in. */
  isEnded(): boolean;
  push(entry: LogEntry, bytes: number): void;
  at(index: number): LogEntry | undefined;
  /** Whether a reader that has everything up to `after` can go on here. */
  covers(after: string | undefined): boolean;
  /** Index of the first entry after `after`. */
  indexAfter(after: string | undefined): number;
  /** Bytes from `index` on. */
  bytesFrom(index: number): number;
  /** Bytes of all that is held. */
  bytes(): number;
  /** Drops the oldest entries while there are more than `bytes`, but none from `keep` on. */
  trim(bytes: number, keep: number): void;
}

export const createEntryWindow = (from: string): EntryWindow => {
  const entries: LogEntry[] = [];
  /** For each entry: bytes ever pushed, up to and with it. */
  const ends: number[] = [];
  let floor = from;
  let last = from;
  /** Index in `entries` of the oldest entry, and the absolute index of `entries[0]`. */
  let head = 0;
  let base = 0;
  /** Bytes ever pushed, and those of them that are dropped. */
  let total = 0;
  let dropped = 0;
  let ended = false;

  const bytesBefore = (index: number): number => {
    const at = index - base;
    return at <= head ? dropped : at > ends.length ? total : (ends[at - 1] as number);
  };

  return {
    floor: () => floor,
    last: () => last,
    start: () => base + head,
    end: () => base + entries.length,
    isEnded: () => ended,
    push(entry, bytes) {
      total += bytes;
      entries.push(entry);
      ends.push(total);
      last = entry.offset;
      ended ||= 'end' in entry;
    },
    at: (index) => entries[index - base],
    covers: (after) => floor === '' || (after !== undefined && compareOffsets(after, floor) >= 0),
    indexAfter(after) {
      let low = head;
      let high = entries.length;
      while (after !== undefined && low < high) {
        const middle = (low + high) >>> 1;
        if (compareOffsets((entries[middle] as LogEntry).offset, after) <= 0) low = middle + 1;
        else high = middle;
      }
      return base + low;
    },
    bytesFrom: (index) => total - bytesBefore(index),
    bytes: () => total - dropped,
    trim(bytes, keep) {
      if (total - dropped <= bytes) return;
      while (total - dropped > bytes && head < entries.length && base + head < keep) {
        floor = (entries[head] as LogEntry).offset;
        dropped = ends[head] as number;
        head += 1;
      }
      // Half of the array is dead: moving the rest costs no more than pushing the dead half did.
      if (head > 32 && head * 2 > entries.length) {
        entries.splice(0, head);
        ends.splice(0, head);
        base += head;
        head = 0;
      }
    },
  };
};
