/** The entries that one run has yet to write to Redis, and the progress of writing them. */
import { type ChatKitError, type LogEntry, parseOffset } from '@chatkit/core';
import type { Place } from '../shared/entry-list.ts';
import { entrySize } from '../shared/event-size.ts';
import type { CommandText } from './command-text.ts';
import { EntryWindow } from './entry-window.ts';
import { writeEvent } from './event-text.ts';
import type { Command } from './log-command.ts';
import { Draft } from './log-draft.ts';
import type { LogRun } from './log-run.ts';

export interface Waiter {
  /** Waits until every entry before this index is confirmed. */
  readonly index: number;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * When an entry is sent: at the end of this turn of the event loop; within a tick, if a command is sent then anyway; or
 * batched with later ones.
 */
export type Haste = 'now' | 'soon' | 'later';

/** The inherited draft is the run's batch in the open command; while a command is away, it is the next batch. */
export class Outbox extends Draft {
  readonly run: LogRun;
  readonly window = new EntryWindow('');
  /** The start of each line: the length of the run's id in bytes, and the id. */
  private readonly head: string;
  /** The command that has this run's batch. */
  private command: Command | undefined;
  /** The batch's line in the command; -1 if it is written when the command is sent. */
  private line = 0;
  /** The last command that was asked to notify this outbox. */
  private asked: Command | undefined;
  private confirmedTo = 0;
  /** The offset of the last entry that Redis has confirmed; epoch 0 if there is none. */
  private confirmedEpoch = 0;
  private confirmedSeq = 0;
  /** The index after the batch under way, and the offset of that batch's last entry. */
  private sentTo = 0;
  private sentEpoch = 0;
  private sentSeq = 0;
  /** Entries before `urgentTo` must not wait to be batched; those before `hastyTo` must not wait at all. */
  private urgentTo = 0;
  private hastyTo = 0;
  /** Since when Redis owes an answer to an earlier attempt, by `performance.now()`. */
  private owedSince: number | undefined;
  /** The period in which the run's time to live was last renewed, and whether the batch under way renews it. */
  private renewedIn = -1;
  private renews = false;
  /** The last command in which Redis confirmed entries of this run. */
  private heardBy: Command | undefined;
  /** Why nothing more can be appended. */
  failure: ChatKitError | undefined;
  waiters: Waiter[] | undefined;

  constructor(run: LogRun) {
    super();
    this.run = run;
    this.head = `${new TextEncoder().encode(run.id).length} ${run.id} `;
  }

  /** Index of the first entry that Redis has not confirmed. */
  get acked(): number {
    this.catchUp();
    return this.confirmedTo;
  }

  /** Whether Redis has confirmed everything that was pushed. */
  get isConfirmed(): boolean {
    return this.acked === this.window.end;
  }

  /** Whether Redis has confirmed anything. */
  get wasConfirmed(): boolean {
    return this.confirmedEpoch > 0;
  }

  /** When Redis last confirmed something, by `performance.now()`; 0 if it has not. */
  get heardAt(): number {
    return this.heardBy?.keptAt ?? 0;
  }

  /** Where the batch is: in no command (`here`), in one that is sent `soon` or `later`, or sent (`away`). */
  get where(): 'here' | 'soon' | 'later' | 'away' {
    this.catchUp();
    const { command } = this;
    return command === undefined ? 'here' : command.state === 'open' ? command.leaves : 'away';
  }

  /** How many entries are not confirmed. */
  get pending(): number {
    return this.window.end - this.confirmedTo;
  }
  get isUrgent(): boolean {
    return this.urgentTo > this.confirmedTo;
  }
  get isHasty(): boolean {
    return this.hastyTo > this.confirmedTo;
  }

  /** Whether this command has the run's batch. */
  isIn(command: Command): boolean {
    return this.command === command;
  }

  /** Queues an entry. */
  push(entry: LogEntry, place: Place, size: number, haste: Haste): void {
    const { window } = this;
    this.catchUp();
    if (this.command?.state === 'away' && this.from !== this.sentTo) this.restart(this.sentTo);
    this.add(window.end, entry, place, size, window.push(entry, place, size));
    if (haste === 'later') return;
    this.urgentTo = window.end;
    if (haste === 'now') this.hastyTo = window.end;
  }

  /** Puts the next batch into a command; the time to live is renewed once in each period. */
  board(command: Command, period: number): void {
    this.lookAhead();
    this.renews = period !== this.renewedIn;
    this.renewedIn = period;
    this.command = command;
    // A single entry, the usual case, is written now, while it is in the processor's caches.
    if (this.count === 1) this.line = command.add(this);
    else this.leaveForLater(command);
    this.mark();
    if (this.waiters !== undefined || this.run.room !== undefined) this.askToBeTold();
  }

  /** Extends the batch in the open command by what was pushed since. */
  update(): void {
    const { command } = this;
    if (command === undefined || this.sentTo === this.from + this.count) return;
    if (this.line >= 0) {
      command.takeBack(this.line);
      this.leaveForLater(command);
    }
    this.mark();
  }

  /**
   * Writes the line: the run, the offsets of the last entry and of the last confirmed one, and the events as a JSON
   * array.
   */
  write(text: CommandText): void {
    const { from, window } = this;
    text.text(this.head);
    text.number(this.epoch);
    text.text('-');
    text.number(this.seq);
    text.text(' ');
    if (this.wasConfirmed) {
      text.number(this.confirmedEpoch);
      text.text('-');
      text.number(this.confirmedSeq);
    }
    text.text(this.renews ? ' !' : ' ');
    text.text(this.outcome);
    text.text('[');
    for (let index = from; index < from + this.count; index += 1) {
      const entry = window.at(index) as LogEntry;
      if ('end' in entry) continue;
      if (index > from) text.text(',');
      writeEvent(text, entry.event, window.isPlainDelta(index));
    }
    text.text(']\n');
  }

  /** Takes the batch out of a command that has not been sent. */
  takeBack(): void {
    if (this.command?.state !== 'open') return;
    if (this.line >= 0) this.command.takeBack(this.line);
    else this.command.forget(this);
    this.command = undefined;
    if (this.renews) this.renewedIn = -1;
  }

  /** Adds a waiter for what has been pushed. */
  wait(waiter: Waiter): void {
    this.waiters ??= [];
    this.waiters.push(waiter);
    this.askToBeTold();
  }

  /**
   * Asks for `LogWriter` to be notified of the batch's confirmation, because somebody waits for it or there is more to
   * send.
   */
  askToBeTold(): void {
    if (this.command === undefined || this.asked === this.command) return;
    this.asked = this.command;
    this.command.tell(this);
  }

  /** Whether there are entries after the batch. */
  get hasMore(): boolean {
    return this.sentTo < this.window.end;
  }

  /** The batch must be sent again. */
  sendAgain(): void {
    this.owedSince ??= this.command?.sentAt;
    this.renewedIn = -1;
    this.command = undefined;
  }

  /** Redis has lost confirmed entries: continues after `tail`, the last offset that it still has. */
  goBack(tail: string): void {
    this.command = undefined;
    this.confirmedTo = tail === '' ? this.window.first : this.window.firstAfter(tail);
    const place = parseOffset(tail);
    this.confirmedEpoch = place?.epoch ?? 0;
    this.confirmedSeq = place?.seq ?? 0;
  }

  /** Whether Redis owes an answer since before `time`. */
  isOwedSince(time: number): boolean {
    const since = this.owedSince ?? (this.where === 'away' ? this.command?.sentAt : undefined);
    return since !== undefined && since < time;
  }

  /** Gives up everything that is queued. */
  abandon(error: ChatKitError): void {
    this.failure = error;
    this.takeBack();
    this.command = undefined;
    for (const waiter of this.waiters?.splice(0) ?? []) waiter.reject(error);
  }

  /** Records the confirmation of the batch, if its command has one. */
  private catchUp(): void {
    const { command } = this;
    if (command?.state !== 'kept') return;
    this.command = undefined;
    if (this.from !== this.sentTo) this.restart(this.sentTo);
    this.confirmedTo = this.sentTo;
    this.confirmedEpoch = this.sentEpoch;
    this.confirmedSeq = this.sentSeq;
    this.owedSince = undefined;
    this.heardBy = command;
  }

  /**
   * Rebuilds the draft if it does not begin with the next entry: after a failure, the end of an epoch or a full batch.
   */
  private lookAhead(): void {
    const { confirmedTo: from, window } = this;
    if (this.from === from && this.count > 0) return;
    this.restart(from);
    for (let index = from; index < window.end && this.count === index - from; index += 1) {
      const entry = window.at(index) as LogEntry;
      this.add(index, entry, parseOffset(entry.offset) ?? nowhere, entrySize(entry));
    }
  }

  private leaveForLater(command: Command): void {
    command.addLater(this);
    this.line = -1;
  }

  /** Records the draft as the batch under way. */
  private mark(): void {
    this.sentTo = this.from + this.count;
    this.sentEpoch = this.epoch;
    this.sentSeq = this.seq;
  }
}

const nowhere: Place = { epoch: 0, seq: 0 };
