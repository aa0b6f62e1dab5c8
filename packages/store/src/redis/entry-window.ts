/**
 * The newest part of a run's log in this process: a ring of entries, complete from `floor` on. Readers keep an index into
 * it, which stays valid while older entries go.
 */
import { compareOffsets, type LogEntry } from '@chatkit/core';

export interface Slot {
  readonly entry: LogEntry;
  /** The event's JSON until it has been sent; '' where it never is. */
  text: string;
  /** Bytes ever pushed, up to and with this entry. */
  readonly end: number;
}

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
  push(entry: LogEntry, bytes: number, text?: string): void;
  at(index: number): Slot | undefined;
  /** Whether a reader that has everything up to `after` can go on here. */
  covers(after: string | undefined): boolean;
  /** Index of the first entry after `after`. */
  indexAfter(after: string | undefined): number;
  /** Bytes from `index` on. */
  bytesFrom(index: number): number;
  /** Drops the oldest entries while there are more than `bytes`, but none from `keep` on. */
  trim(bytes: number, keep: number): void;
}

export const createEntryWindow = (from: string): EntryWindow => {
  const slots: Slot[] = [];
  let floor = from;
  let last = from;
  /** Index in `slots` of the oldest entry, and the absolute index of `slots[0]`. */
  let head = 0;
  let base = 0;
  /** Bytes ever pushed, and those of them that are dropped. */
  let total = 0;
  let dropped = 0;
  let ended = false;

  const bytesBefore = (index: number): number => {
    const at = index - base;
    return at <= head ? dropped : at > slots.length ? total : (slots[at - 1] as Slot).end;
  };

  return {
    floor: () => floor,
    last: () => last,
    start: () => base + head,
    end: () => base + slots.length,
    isEnded: () => ended,
    push(entry, bytes, text = '') {
      total += bytes;
      slots.push({ entry, text, end: total });
      last = entry.offset;
      ended ||= 'end' in entry;
    },
    at: (index) => slots[index - base],
    covers: (after) => floor === '' || (after !== undefined && compareOffsets(after, floor) >= 0),
    indexAfter(after) {
      let low = head;
      let high = slots.length;
      while (after !== undefined && low < high) {
        const middle = (low + high) >>> 1;
        if (compareOffsets((slots[middle] as Slot).entry.offset, after) <= 0) low = middle + 1;
        else high = middle;
      }
      return base + low;
    },
    bytesFrom: (index) => total - bytesBefore(index),
    trim(bytes, keep) {
      while (total - dropped > bytes && head < slots.length && base + head < keep) {
        const slot = slots[head] as Slot;
        floor = slot.entry.offset;
        dropped = slot.end;
        head += 1;
      }
      // Half of the array is dead: moving the rest costs no more than pushing the dead half did.
      if (head > 32 && head * 2 > slots.length) {
        slots.splice(0, head);
        base += head;
        head = 0;
      }
    },
  };
};
