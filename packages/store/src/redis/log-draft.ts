/**
 * The next batch of a run, written while its entries come in: entries of one epoch, without a gap (so that the last offset
 * gives all of them), up to the terminal one.
 */
import type { LogEntry } from '@chatkit/core';
import { createEventEncoder } from './event-text.ts';

/** An offset that has been read: parsing it once a token is enough. */
export interface Place {
  readonly epoch: number;
  readonly seq: number;
}

export interface Draft {
  /** Index of the first entry, and how many there are. */
  from(): number;
  count(): number;
  /** The length of the events' text. */
  length(): number;
  /** The offset of the last entry. */
  id(): string;
  /** The events' JSON, as an array, behind the outcome when the last entry is the terminal one. */
  text(): string;
  /** Takes the entry at `index`, if it is the one that follows and there is room. */
  add(index: number, entry: LogEntry, place: Place): void;
  /** Begins anew, with the entry at `index`. */
  restart(index: number): void;
}

/** No batch is larger, however much has piled up. */
const maxLength = 64 * 1024;

export const createDraft = (): Draft => {
  const encode = createEventEncoder();
  let from = 0;
  let count = 0;
  let events = '';
  let id = '';
  let outcome = '';
  let epoch = 0;
  let seq = 0;

  return {
    from: () => from,
    count: () => count,
    length: () => events.length,
    id: () => id,
    text: () => `${outcome}[${events}]`,
    add(index, entry, place) {
      if (index !== from + count || outcome !== '' || events.length >= maxLength) return;
      if (count > 0 && (place.epoch !== epoch || place.seq !== seq + 1)) return;
      epoch = place.epoch;
      seq = place.seq;
      id = entry.offset;
      count += 1;
      if ('end' in entry) outcome = entry.end;
      else events = events === '' ? encode(entry.event) : `${events},${encode(entry.event)}`;
    },
    restart(index) {
      from = index;
      count = 0;
      events = '';
      outcome = '';
    },
  };
};
