/**
 * What travels to Redis together: batches of several runs, a line each, as one text. What becomes of a batch is what
 * becomes of its command, and it is written down here alone: a run finds out when it is touched next, unless somebody
 * waits for it. At the pace of tokens a run that is touched is out of the caches again, so once a token is a good deal
 * cheaper than thrice.
 */
import { CommandText } from './command-text.ts';
import type { Outbox } from './log-outbox.ts';

export class Command {
  /** `open`: lines are added and rewritten. `away`: sent, or about to be sent again. `kept`: Redis has all of it. */
  state: 'open' | 'away' | 'kept' = 'open';
  /** Whose the lines are; `undefined` where a line was taken back. */
  private outboxes: (Outbox | undefined)[] = [];
  /** Where in the text each line ends. */
  private ends: number[] = [];
  private takenBack = 0;
  /** Those whose lines are written when it leaves: they have several entries, and may get more. */
  private later: Outbox[] = [];
  private told: Outbox[] = [];
  private readonly texts: CommandText[];
  private readonly text: CommandText;
  /** Whether it leaves at the end of this turn or with the next tick, or waits for more. */
  leaves: 'soon' | 'later';
  /** When it was opened, sent and answered, by `performance.now()`. */
  readonly openedAt: number;
  sentAt = 0;
  keptAt = 0;
  /** Whether it was seen waiting for its answer, by who looks every now and then. */
  isSeen = false;

  /** `texts`: those that no command uses. */
  constructor(leaves: 'soon' | 'later', openedAt: number, texts: CommandText[]) {
    this.leaves = leaves;
    this.openedAt = openedAt;
    this.texts = texts;
    this.text = texts.pop() ?? new CommandText();
  }

  /** How many lines it has, with those that were taken back. */
  get size(): number {
    return this.outboxes.length + this.later.length;
  }

  /** Takes a batch along as it is. → the number of its line. */
  add(outbox: Outbox): number {
    outbox.write(this.text);
    this.ends.push(this.text.length);
    return this.outboxes.push(outbox) - 1;
  }

  /** Takes along what there is when it leaves. */
  addLater(outbox: Outbox): void {
    this.later.push(outbox);
  }

  takeBack(number: number): void {
    this.outboxes[number] = undefined;
    this.takenBack += 1;
  }

  /** Leaves out one that was to be written later. */
  forget(outbox: Outbox): void {
    this.later.splice(this.later.indexOf(outbox), 1);
  }

  /** Has an outbox told when it is kept. Once each. */
  tell(outbox: Outbox): void {
    this.told.push(outbox);
  }

  /** All lines, as it leaves; '' when all were taken back. */
  leave(now: number): string {
    const { text, texts } = this;
    this.state = 'away';
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

  /** The one whose line was the `number`th of the text. */
  outboxAt(number: number): Outbox | undefined {
    return this.outboxes[number];
  }

  /** → those that are to be told. It lets go of all: a run that has ended must not be kept by one that goes on. */
  keep(now: number): readonly Outbox[] {
    this.state = 'kept';
    this.keptAt = now;
    return this.letGo(this.told);
  }

  /** → all whose batches were in it, when these have to be sent once more. */
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
    this.told = [];
    return outboxes;
  }
}
