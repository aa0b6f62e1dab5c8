/**
 * The next batch of a run, written while its entries come in: entries of one epoch, without a gap (so that the last offset
 * gives all of them), up to the terminal one.
 */
import type { LogEntry } from '@chatkit/core';
import type { Place, TextDelta } from '../shared/entry-list.ts';
import { EventEncoder } from './event-text.ts';

/** No batch is larger, however much has piled up. */
const maxLength = 64 * 1024;

export class Draft {
  /** Number of the first entry, and how many there are. */
  from = 0;
  count = 0;
  /** The offset of the last entry. */
  id = '';
  private outcome = '';
  /** The events' JSON, each behind what separates it from the one before. */
  private events = '';
  private epoch = 0;
  private seq = 0;
  private readonly encoder = new EventEncoder();

  /** The length of the events' text. */
  get length(): number {
    return this.events.length;
  }

  /** A line with the events' JSON, as an array, behind the outcome when the last entry is the terminal one. */
  get text(): string {
    return this.events === '' ? `${this.outcome}[]\n` : `${this.outcome}${this.events}]\n`;
  }

  /** Takes the entry with this number, if it is the one that follows and there is room. `update` as in `plainDelta`. */
  add(number: number, entry: LogEntry, place: Place, update: TextDelta | undefined): void {
    if (number !== this.from + this.count || this.outcome !== '' || this.events.length >= maxLength) return;
    if (this.count > 0 && (place.epoch !== this.epoch || place.seq !== this.seq + 1)) return;
    this.epoch = place.epoch;
    this.seq = place.seq;
    this.id = entry.offset;
    this.count += 1;
    if ('end' in entry) this.outcome = entry.end;
    else this.events += `${this.events === '' ? '[' : ','}${this.encoder.encode(entry.event, update)}`;
  }

  /** Begins anew, with the entry of this number. */
  restart(number: number): void {
    this.from = number;
    this.count = 0;
    this.events = '';
    this.outcome = '';
  }
}
