/** What one run has to bring to Redis, and how far that has come. */
import { type ChatKitError, type LogEntry, parseOffset } from '@chatkit/core';
import { type Place, plainDelta } from '../shared/entry-list.ts';
import { EntryWindow } from './entry-window.ts';
import type { Command } from './log-command.ts';
import { Draft } from './log-draft.ts';
import type { LogRun } from './log-run.ts';

export interface Waiter {
  /** Waits until every entry before this index is confirmed. */
  readonly index: number;
  resolve(): void;
  reject(error: unknown): void;
}

export class Outbox {
  readonly run: LogRun;
  readonly window = new EntryWindow('');
  /** The batch that travels while its command is open; what is to be the next one while it is away. */
  private readonly draft = new Draft();
  /** What a line begins with: the length of the run's id in bytes, and the id. */
  private readonly head: string;
  /** Has the batch under way. */
  private command: Command | undefined;
  private line = 0;
  /** The last command that was asked to tell. */
  private asked: Command | undefined;
  private confirmedTo = 0;
  /** The last offset that Redis has confirmed; '' while it has none. */
  confirmedOffset = '';
  /** Index of the first entry behind the batch under way, and the offset before it. */
  private sentTo = 0;
  private sentOffset = '';
  /** Entries before this index are not to wait for company. */
  private urgentTo = 0;
  /** Since when Redis owes an answer to what was sent before, by `performance.now()`. */
  private owedSince: number | undefined;
  /** When the run's time to live was last renewed, and whether the batch under way does it. */
  private touchedAt = Number.NEGATIVE_INFINITY;
  private renews = false;
  /** Why nothing can be appended any more. */
  failure: ChatKitError | undefined;
  readonly waiters: Waiter[] = [];

  constructor(run: LogRun) {
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

  /** Where its batch is: nowhere, in a command that leaves soon or later, or on its way. */
  get where(): 'here' | 'soon' | 'later' | 'away' {
    this.catchUp();
    const { command } = this;
    return command === undefined ? 'here' : command.state === 'open' ? command.leaves : 'away';
  }

  /** How many entries are not confirmed, and how long the text of the batch is. */
  get count(): number {
    return this.window.end - this.confirmedTo;
  }
  get length(): number {
    return this.draft.length;
  }
  get isUrgent(): boolean {
    return this.urgentTo > this.confirmedTo;
  }

  /** Whether this command has its batch. */
  isIn(command: Command): boolean {
    return this.command === command;
  }

  /** Queues an entry. */
  push(entry: LogEntry, place: Place, size: number, isUrgent: boolean): void {
    const { draft, window } = this;
    this.catchUp();
    if (this.command?.state === 'away' && draft.from !== this.sentTo) draft.restart(this.sentTo);
    draft.add(window.end, entry, place, window.push(entry, place, size));
    if (isUrgent) this.urgentTo = window.end;
  }

  /** Puts what comes next into a command; the time to live is renewed every `touchMs`. */
  board(command: Command, touchMs: number): void {
    this.writeDraft();
    this.renews = command.openedAt - this.touchedAt > touchMs;
    if (this.renews) this.touchedAt = command.openedAt;
    this.command = command;
    this.line = command.add(this, this.text());
    if (this.waiters.length > 0 || this.run.room !== undefined) this.askToBeTold();
  }

  /** Writes down in its command what was pushed since it boarded. */
  update(): void {
    this.command?.rewrite(this.line, this.text());
  }

  /** Leaves a command that has not left. */
  takeBack(): void {
    if (this.command?.state !== 'open') return;
    this.command.takeBack(this.line);
    this.command = undefined;
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
    this.touchedAt = Number.NEGATIVE_INFINITY;
    this.command = undefined;
  }

  /** Redis has less than it had confirmed: goes on behind `tail`, the last offset that it has. */
  goBack(tail: string): void {
    this.command = undefined;
    this.confirmedTo = tail === '' ? this.window.first : this.window.firstAfter(tail);
    this.confirmedOffset = tail;
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
    for (const waiter of this.waiters.splice(0)) waiter.reject(error);
  }

  /** Takes note of what has been confirmed. */
  private catchUp(): void {
    const { command } = this;
    if (command?.state !== 'kept') return;
    this.command = undefined;
    if (this.draft.from !== this.sentTo) this.draft.restart(this.sentTo);
    this.confirmedTo = this.sentTo;
    this.confirmedOffset = this.sentOffset;
    this.owedSince = undefined;
    this.run.heardAt = command.keptAt;
  }

  /** The draft, written anew where it does not begin with what comes next: after a failure, an epoch's end or a full batch. */
  private writeDraft(): void {
    const { draft, confirmedTo: from, window } = this;
    if (draft.from === from && draft.count > 0) return;
    draft.restart(from);
    for (let index = from; index < window.end && draft.count === index - from; index += 1) {
      const entry = window.at(index) as LogEntry;
      draft.add(index, entry, parseOffset(entry.offset) ?? nowhere, plainDelta(entry));
    }
  }

  private text(): string {
    const { draft } = this;
    this.sentTo = draft.from + draft.count;
    this.sentOffset = draft.id;
    return `${this.head}${draft.id} ${this.confirmedOffset}${this.renews ? ' !' : ' '}${draft.text}`;
  }
}

const nowhere: Place = { epoch: 0, seq: 0 };
