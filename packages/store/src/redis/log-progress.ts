/**
 * How far the entries of one run have come on their way to Redis. In the order of their numbers: those that Redis has
 * confirmed, those of the batch that is on its way, and those that wait for the next batch.
 */
import { type LogEntry, parseOffset } from '@chatkit/core';
import type { Place } from '../shared/entry-list.ts';
import { entrySize } from '../shared/event-size.ts';
import { EntryWindow } from './entry-window.ts';
import type { Command } from './log-command.ts';
import { Draft } from './log-draft.ts';

/**
 * The inherited draft is the batch in the open command; once that has been sent, it is the next batch. A class to be
 * extended and not held, and places as two numbers: each token touches it, and one object is one cache miss.
 */
export class BatchProgress extends Draft {
  readonly window = new EntryWindow('');
  /** The command that has this run's batch; `undefined` if none has. */
  protected command: Command | undefined;
  /** The number after the last confirmed entry, and that entry's offset; epoch 0 if nothing has been confirmed. */
  private confirmedTo = 0;
  protected confirmedEpoch = 0;
  protected confirmedSeq = 0;
  /** The number after the last entry of the batch in the command, and that entry's offset. */
  private sentTo = 0;
  private sentEpoch = 0;
  private sentSeq = 0;
  /** Since when Redis owes an answer to an earlier attempt, by `performance.now()`. */
  private owedSince: number | undefined;
  /** The last command in which Redis confirmed entries of this run. */
  private heardBy: Command | undefined;

  /** Number of the first entry that Redis has not confirmed. */
  get acked(): number {
    this.catchUp();
    return this.confirmedTo;
  }

  /** Whether Redis has confirmed everything. */
  get isConfirmed(): boolean {
    return this.acked === this.window.end;
  }

  /** Whether Redis has confirmed anything. */
  get wasConfirmed(): boolean {
    return this.confirmedEpoch > 0;
  }

  /** When Redis last confirmed something, by `performance.now()`; 0 if it has not. */
  get heardAt(): number {
    return this.heardBy?.confirmedAt ?? 0;
  }

  /** How many entries had not been confirmed when the progress was last brought up to date. */
  get pending(): number {
    return this.window.end - this.confirmedTo;
  }

  /** Whether there are entries after the batch in the command. */
  get hasMore(): boolean {
    return this.sentTo < this.window.end;
  }

  /** Whether this command has the run's batch. */
  isIn(command: Command): boolean {
    return this.command === command;
  }

  /** Whether Redis owes an answer since before `time`. */
  isOwedSince(time: number): boolean {
    this.catchUp();
    const since = this.owedSince ?? (this.command?.state === 'sent' ? this.command.sentAt : undefined);
    return since !== undefined && since < time;
  }

  /** Redis has lost confirmed entries: continues after `tail`, the last offset that it still has. */
  goBack(tail: string): void {
    this.command = undefined;
    this.confirmedTo = tail === '' ? this.window.first : this.window.firstAfter(tail);
    const place = parseOffset(tail);
    this.confirmedEpoch = place?.epoch ?? 0;
    this.confirmedSeq = place?.seq ?? 0;
  }

  /** Brings the progress up to date: the run finds out what became of its command only when it is touched. */
  protected catchUp(): void {
    const { command } = this;
    if (command?.state !== 'confirmed') return;
    this.command = undefined;
    if (this.from !== this.sentTo) this.restart(this.sentTo);
    this.confirmedTo = this.sentTo;
    this.confirmedEpoch = this.sentEpoch;
    this.confirmedSeq = this.sentSeq;
    this.owedSince = undefined;
    this.heardBy = command;
  }

  /** The command was lost, so the batch has to be sent again. */
  protected loseCommand(): void {
    this.owedSince ??= this.command?.sentAt;
    this.command = undefined;
  }

  /** Begins the next batch, if the draft is still the one that has been sent. */
  protected beginNext(): void {
    if (this.command?.state === 'sent' && this.from !== this.sentTo) this.restart(this.sentTo);
  }

  /**
   * Rebuilds the draft if it does not begin with the first entry to be sent: after a failure, the end of an epoch or a
   * full batch.
   */
  protected rebuild(): void {
    const { confirmedTo: from, window } = this;
    if (this.from === from && this.count > 0) return;
    this.restart(from);
    for (let number = from; number < window.end && this.count === number - from; number += 1) {
      const entry = window.at(number) as LogEntry;
      this.add(number, entry, parseOffset(entry.offset) ?? nowhere, entrySize(entry));
    }
  }

  /** Whether the draft has entries that the batch in the command has not. */
  protected get hasGrown(): boolean {
    return this.sentTo !== this.from + this.count;
  }

  /** The draft is now the batch in the command. */
  protected markSent(): void {
    this.sentTo = this.from + this.count;
    this.sentEpoch = this.epoch;
    this.sentSeq = this.seq;
  }

  /** Whether there are unconfirmed entries before this number. */
  protected hasUnconfirmedBefore(number: number): boolean {
    return number > this.confirmedTo;
  }
}

const nowhere: Place = { epoch: 0, seq: 0 };
