/**
 * One command to Redis: batches of several runs, a line each, as one text. The state of a batch is the state of its
 * command and is recorded only here; a run reads it when it is next touched, unless somebody waits for it. At the pace
 * of tokens touching a run is a cache miss, so touching it once per token is much cheaper than three times.
 */
import { CommandText } from './command-text.ts';
import type { Outbox } from './log-outbox.ts';

export class Command {
  /**
   * `open`: lines may be added or replaced. `sent`: it is on its way, or about to be sent again. `confirmed`: by Redis.
   */
  state: 'open' | 'sent' | 'confirmed' = 'open';
  /** The outbox of each line; `undefined` where a line was taken back. */
  private outboxes: (Outbox | undefined)[] = [];
  /** Where in the text each line ends. */
  private ends: number[] = [];
  private takenBack = 0;
  /** Outboxes whose lines are written when the command is sent: they have several entries, and may get more. */
  private later: Outbox[] = [];
  /** Outboxes to notify of the confirmation. */
  private listeners: Outbox[] = [];
  private readonly texts: CommandText[];
  private readonly text: CommandText;
  /**
   * `soon`: it is sent at the end of this turn of the event loop or at the next tick. `later`: it waits for more lines.
   */
  leaves: 'soon' | 'later';
  /** When the command was opened, sent and answered, by `performance.now()`. */
  readonly openedAt: number;
  sentAt = 0;
  confirmedAt = 0;
  /** Whether an earlier check for late answers has already found it without one. */
  isSeen = false;

  /** `texts`: the pool of free buffers. */
  constructor(leaves: 'soon' | 'later', openedAt: number, texts: CommandText[]) {
    this.leaves = leaves;
    this.openedAt = openedAt;
    this.texts = texts;
    this.text = texts.pop() ?? new CommandText();
  }

  /** How many lines it has, including those that were taken back. */
  get size(): number {
    return this.outboxes.length + this.later.length;
  }

  /** Writes an outbox's batch as it is now. Returns the number of its line. */
  add(outbox: Outbox): number {
    outbox.write(this.text);
    this.ends.push(this.text.length);
    return this.outboxes.push(outbox) - 1;
  }

  /** Writes the outbox's batch when the command is sent. */
  addLater(outbox: Outbox): void {
    this.later.push(outbox);
  }

  takeBack(number: number): void {
    this.outboxes[number] = undefined;
    this.takenBack += 1;
  }

  /** Removes an outbox that was to be written later. */
  forget(outbox: Outbox): void {
    this.later.splice(this.later.indexOf(outbox), 1);
  }

  /** Call it once for each. */
  addListener(outbox: Outbox): void {
    this.listeners.push(outbox);
  }

  /** Closes the command and returns all lines, to be sent; '' when all were taken back. */
  send(now: number): string {
    const { text, texts } = this;
    this.state = 'sent';
    this.sentAt = now;
    if (this.takenBack > 0) this.closeGaps();
    for (const outbox of this.later) {
      outbox.write(text);
      this.outboxes.push(outbox);
    }
    const lines = text.take();
    if (text.isUsual) texts.push(text);
    this.ends = [];
    this.later = [];
    return lines;
  }

  /** The outbox of the line with this number. */
  outboxAt(number: number): Outbox | undefined {
    return this.outboxes[number];
  }

  /**
   * Marks the command as confirmed and returns the outboxes to notify. Releases all its outboxes, so that a run that
   * has ended is not kept alive by one that goes on.
   */
  confirm(now: number): readonly Outbox[] {
    this.state = 'confirmed';
    this.confirmedAt = now;
    return this.letGo(this.listeners);
  }

  /** Returns all outboxes with a batch in it, because these have to be sent again. */
  giveUp(): readonly Outbox[] {
    return this.letGo(this.outboxes.filter((outbox) => outbox !== undefined));
  }

  private closeGaps(): void {
    const { ends, outboxes, text } = this;
    for (let at = outboxes.length - 1; at >= 0; at -= 1)
      if (outboxes[at] === undefined) text.cut(ends[at - 1] ?? 0, ends[at] as number);
    this.outboxes = outboxes.filter((outbox) => outbox !== undefined);
  }

  private letGo(outboxes: readonly Outbox[]): readonly Outbox[] {
    this.outboxes = [];
    this.listeners = [];
    return outboxes;
  }
}
