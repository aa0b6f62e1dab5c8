/**
 * The next batch of a run: entries of one epoch whose offsets have no gap (so that all of them follow from the last),
 * up to the terminal entry.
 */
import type { LogEntry } from '@chatkit/core';
import type { Place, TextDelta } from '../shared/entry-list.ts';

/** The maximum length of a batch, however many entries wait. */
const maxLength = 64 * 1024;
/** About what a delta takes besides its text. */
const deltaLength = 24;

/** A class to be extended and not held, because each token touches it: one object is one cache miss. */
export class Draft {
  /** Number of the first entry, and how many there are. */
  from = 0;
  count = 0;
  /** The offset of the last entry. */
  epoch = 0;
  seq = 0;
  /** The outcome, when the last one is the terminal entry. */
  outcome = '';
  /** The approximate length of the events' text. */
  length = 0;

  /**
   * Adds the entry with this number and size, if it is the next one and there is room. `update`: that of the entry, if
   * it is a plain text delta.
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

  /** Empties the draft; the entry with this number is to be its first. */
  protected restart(number: number): void {
    this.from = number;
    this.count = 0;
    this.outcome = '';
    this.length = 0;
  }
}
