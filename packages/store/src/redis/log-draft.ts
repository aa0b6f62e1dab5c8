/**
 * What the next batch of a run is: entries of one epoch, without a gap (so that the last offset gives all of them), up
 * to the terminal one.
 */
import type { LogEntry } from '@chatkit/core';
import type { Place, TextDelta } from '../shared/entry-list.ts';

/** No batch is larger, however much has piled up. */
const maxLength = 64 * 1024;
/** A delta's text without its delta, roughly. */
const deltaLength = 24;

/**
 * A class that others extend, because each token of a run touches it: one object is one miss of the processor's caches.
 */
export class Draft {
  /** Number of the first entry, and how many there are. */
  from = 0;
  count = 0;
  /** Where the last one is. */
  epoch = 0;
  seq = 0;
  /** The outcome, when the last one is the terminal entry. */
  outcome = '';
  /** How long the events' text is, roughly. */
  length = 0;

  /**
   * Takes the entry with this number and size, if it is the one that follows and there is room. `update`: the entry's,
   * if it is a text delta and nothing more.
   */
  protected add(number: number, entry: LogEntry, { epoch, seq }: Place, size: number, update?: TextDelta): void {
    if (number !== this.from + this.count || this.outcome !== '' || this.length >= maxLength) return;
    if (this.count > 0 && (epoch !== this.epoch || seq !== this.seq + 1)) return;
    this.epoch = epoch;
    this.seq = seq;
    this.count += 1;
    this.length += update === undefined ? size : update.delta.length + deltaLength;
    if ('end' in entry) this.outcome = entry.end;
  }

  /** Begins anew, with the entry of this number. */
  protected restart(number: number): void {
    this.from = number;
    this.count = 0;
    this.outcome = '';
    this.length = 0;
  }
}
