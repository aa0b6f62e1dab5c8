/** The entries that one run has yet to write to Redis: in which command they go, when, and who waits for it. */
import type { ChatKitError, LogEntry } from '@chatkit/core';
import type { Place } from '../shared/entry-list.ts';
import type { CommandText } from './command-text.ts';
import { writeEvent } from './event-text.ts';
import type { Command } from './log-command.ts';
import { BatchProgress } from './log-progress.ts';
import type { LogRun } from './log-run.ts';

export interface Waiter {
  /** Waits until every entry before this number is confirmed. */
  readonly index: number;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * When an entry is sent: at the end of this turn of the event loop; within a tick, if a command is sent then anyway; or
 * batched with later ones.
 */
export type Haste = 'now' | 'soon' | 'later';

/** Where a batch is: in no command yet, in one that is sent `soon` or `later`, or in one that has been sent. */
export type BatchStage = 'waiting' | 'soon' | 'later' | 'sent';

/** The batch's line is written when its command is sent, because it may still grow. */
const notWritten = -1;

export class Outbox extends BatchProgress {
  readonly run: LogRun;
  /** The start of each line: the length of the run's id in bytes, and the id. */
  private readonly head: string;
  /** The number of the batch's line in its command, or `notWritten`. */
  private line = 0;
  /** The last command that this outbox listens to. */
  private listensTo: Command | undefined;
  /** Entries before `urgentTo` must not wait to be batched; those before `hastyTo` must not wait at all. */
  private urgentTo = 0;
  private hastyTo = 0;
  /** The period in which the run's time to live was last renewed, and whether the batch in the command renews it. */
  private renewedIn = -1;
  private renews = false;
  /** Why nothing more can be appended. */
  failure: ChatKitError | undefined;
  waiters: Waiter[] | undefined;

  constructor(run: LogRun) {
    super();
    this.run = run;
    this.head = `${new TextEncoder().encode(run.id).length} ${run.id} `;
  }

  /** Where the batch is. To be asked when the progress is up to date. */
  get stage(): BatchStage {
    const { command } = this;
    return command === undefined ? 'waiting' : command.state === 'open' ? command.leaves : 'sent';
  }

  get isUrgent(): boolean {
    return this.hasUnconfirmedBefore(this.urgentTo);
  }
  get isHasty(): boolean {
    return this.hasUnconfirmedBefore(this.hastyTo);
  }

  /** Queues an entry. */
  push(entry: LogEntry, place: Place, size: number, haste: Haste): void {
    const { window } = this;
    this.catchUp();
    this.beginNext();
    this.add(window.end, entry, place, size, window.push(entry, place, size));
    if (haste === 'later') return;
    this.urgentTo = window.end;
    if (haste === 'now') this.hastyTo = window.end;
  }

  /** Puts the next batch into an open command; the time to live is renewed once in each period. */
  join(command: Command, period: number): void {
    this.rebuild();
    this.renews = period !== this.renewedIn;
    this.renewedIn = period;
    this.command = command;
    // A single entry, the usual case, is written now, while it is in the processor's caches.
    if (this.count === 1) this.line = command.add(this);
    else this.writeLater(command);
    this.markSent();
    if (this.waiters !== undefined || this.run.room !== undefined) this.listen();
  }

  /** Extends the batch in the open command by what was pushed since. */
  update(): void {
    const { command } = this;
    if (command === undefined || !this.hasGrown) return;
    if (this.line !== notWritten) {
      command.takeBack(this.line);
      this.writeLater(command);
    }
    this.markSent();
  }

  /** Takes the batch out of a command that has not been sent. */
  takeBack(): void {
    if (this.command?.state !== 'open') return;
    if (this.line === notWritten) this.command.forget(this);
    else this.command.takeBack(this.line);
    this.command = undefined;
    if (this.renews) this.renewedIn = -1;
  }

  /** The batch must be sent again. */
  sendAgain(): void {
    this.loseCommand();
    this.renewedIn = -1;
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
    for (let number = from; number < from + this.count; number += 1) {
      const entry = window.at(number) as LogEntry;
      if ('end' in entry) continue;
      if (number > from) text.text(',');
      writeEvent(text, entry.event, window.isPlainDelta(number));
    }
    text.text(']\n');
  }

  /** Adds a waiter for what has been pushed. */
  wait(waiter: Waiter): void {
    this.waiters ??= [];
    this.waiters.push(waiter);
    this.listen();
  }

  /** Has `LogWriter` called when the batch is confirmed, because somebody waits for it or there is more to send. */
  listen(): void {
    if (this.command === undefined || this.listensTo === this.command) return;
    this.listensTo = this.command;
    this.command.addListener(this);
  }

  /** Gives up everything that is queued. */
  abandon(error: ChatKitError): void {
    this.failure = error;
    this.takeBack();
    this.command = undefined;
    for (const waiter of this.waiters?.splice(0) ?? []) waiter.reject(error);
  }

  private writeLater(command: Command): void {
    command.addLater(this);
    this.line = notWritten;
  }
}
