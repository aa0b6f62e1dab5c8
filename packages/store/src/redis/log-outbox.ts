/** What one run has to bring to Redis, and how far that has come. */
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
 * When an entry leaves: at the end of this turn, within a tick if others leave then anyway, or when it has had company.
 */
export type Haste = 'now' | 'soon' | 'later';

/** Its draft is the batch that travels while its command is open, and what is to be the next one while that is away. */
export class Outbox extends Draft {
  readonly run: LogRun;
  readonly window = new EntryWindow('');
  /** What a line begins with: the length of the run's id in bytes, and the id. */
  private readonly head: string;
  /** Has the batch under way. */
  private command: Command | undefined;
  /** Its line in the command; -1 while that is to be written when the command leaves. */
  private line = 0;
  /** The last command that was asked to tell. */
  private asked: Command | undefined;
  private confirmedTo = 0;
  /** Where the last entry is that Redis has confirmed; in epoch 0 while there is none. */
  private confirmedEpoch = 0;
  private confirmedSeq = 0;
  /** Index of the first entry behind the batch under way, and where the one before it is. */
  private sentTo = 0;
  private sentEpoch = 0;
  private sentSeq = 0;
  /** Entries before these indices are not to wait for company, or for anything. */
  private urgentTo = 0;
  private hastyTo = 0;
  /** Since when Redis owes an answer to what was sent before, by `performance.now()`. */
  private owedSince: number | undefined;
  /** In which period the run's time to live was last renewed, and whether the batch under way does it. */
  private renewedIn = -1;
  private renews = false;
  /** The last command that brought something of its. */
  private heardBy: Command | undefined;
  /** Why nothing can be appended any more. */
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

  /** Whether Redis has confirmed all that was pushed. */
  get isConfirmed(): boolean {
    return this.acked === this.window.end;
  }

  /** Whether Redis has confirmed anything. */
  get wasConfirmed(): boolean {
    return this.confirmedEpoch > 0;
  }

  /** When Redis last confirmed something, by `performance.now()`; 0 while it has not. */
  get heardAt(): number {
    return this.heardBy?.keptAt ?? 0;
  }

  /** Where its batch is: nowhere, in a command that leaves soon or later, or on its way. */
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

  /** Whether this command has its batch. */
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

  /** Puts what comes next into a command; the time to live is renewed once in each period. */
  board(command: Command, period: number): void {
    this.lookAhead();
    this.renews = period !== this.renewedIn;
    this.renewedIn = period;
    this.command = command;
    // One entry is written while it is at hand, and it is the only one most of the time.
    if (this.count === 1) this.line = command.add(this);
    else this.leaveForLater(command);
    this.mark();
    if (this.waiters !== undefined || this.run.room !== undefined) this.askToBeTold();
  }

  /** Has its command bring what was pushed since it boarded, too. */
  update(): void {
    const { command } = this;
    if (command === undefined || this.sentTo === this.from + this.count) return;
    if (this.line >= 0) {
      command.takeBack(this.line);
      this.leaveForLater(command);
    }
    this.mark();
  }

  /** Writes its line: the run, where its last entry and what was confirmed are, and the events' JSON as an array. */
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

  /** Leaves a command that has not left. */
  takeBack(): void {
    if (this.command?.state !== 'open') return;
    if (this.line >= 0) this.command.takeBack(this.line);
    else this.command.forget(this);
    this.command = undefined;
    if (this.renews) this.renewedIn = -1;
  }

  /** Has somebody wait for what has been pushed. */
  wait(waiter: Waiter): void {
    this.waiters ??= [];
    this.waiters.push(waiter);
    this.askToBeTold();
  }

  /** Has `LogWriter` told when its batch is confirmed: somebody waits for it, or there is more. */
  askToBeTold(): void {
    if (this.command === undefined || this.asked === this.command) return;
    this.asked = this.command;
    this.command.tell(this);
  }

  /** Whether there are entries behind its batch. */
  get hasMore(): boolean {
    return this.sentTo < this.window.end;
  }

  /** What its command had is to be sent again. */
  sendAgain(): void {
    this.owedSince ??= this.command?.sentAt;
    this.renewedIn = -1;
    this.command = undefined;
  }

  /** Redis has less than it had confirmed: goes on behind `tail`, the last offset that it has. */
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

  /** Gives up what is queued. */
  abandon(error: ChatKitError): void {
    this.failure = error;
    this.takeBack();
    this.command = undefined;
    for (const waiter of this.waiters?.splice(0) ?? []) waiter.reject(error);
  }

  /** Takes note of what has been confirmed. */
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

  /** Has the draft begin with what comes next, where it does not: after a failure, an epoch's end or a full batch. */
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

  /** The draft is the batch under way. */
  private mark(): void {
    this.sentTo = this.from + this.count;
    this.sentEpoch = this.epoch;
    this.sentSeq = this.seq;
  }
}

const nowhere: Place = { epoch: 0, seq: 0 };
