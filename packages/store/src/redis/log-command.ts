/**
 * What travels to Redis together: batches of several runs, a line each, as one text. What becomes of a batch is what becomes
 * of its command, and it is written down here alone: a run finds out when it is touched next, unless somebody waits for it.
 * At the pace of tokens a run that is touched is out of the caches again, so once a token is a good deal cheaper than thrice.
 */
import type { Outbox } from './log-outbox.ts';

export class Command {
  /** `open`: lines are added and rewritten. `away`: sent, or about to be sent again. `kept`: Redis has all of it. */
  state: 'open' | 'away' | 'kept' = 'open';
  /** Whose the lines are; `undefined` where a line was taken back. */
  private outboxes: (Outbox | undefined)[] = [];
  private lines: string[] = [];
  private takenBack = 0;
  private told: Outbox[] = [];
  /** Whether it leaves at the end of this turn, or waits for more. */
  readonly leaves: 'soon' | 'later';
  /** When it was opened, sent and answered, by `performance.now()`. */
  readonly openedAt: number;
  sentAt = 0;
  keptAt = 0;
  /** Whether it was seen waiting for its answer, by who looks every now and then. */
  isSeen = false;

  constructor(leaves: 'soon' | 'later', openedAt: number) {
    this.leaves = leaves;
    this.openedAt = openedAt;
  }

  /** How many runs it has had. */
  get size(): number {
    return this.outboxes.length;
  }

  /** Takes a batch along. → the number of its line. */
  add(outbox: Outbox, line: string): number {
    this.outboxes.push(outbox);
    return this.lines.push(line) - 1;
  }

  rewrite(number: number, line: string): void {
    this.lines[number] = line;
  }

  takeBack(number: number): void {
    this.outboxes[number] = undefined;
    this.lines[number] = '';
    this.takenBack += 1;
  }

  /** Has an outbox told when it is kept. Once each. */
  tell(outbox: Outbox): void {
    this.told.push(outbox);
  }

  /** All lines, as it leaves; '' when all were taken back. */
  leave(now: number): string {
    this.state = 'away';
    this.sentAt = now;
    if (this.takenBack > 0) this.outboxes = this.outboxes.filter((outbox) => outbox !== undefined);
    const text = this.lines.join('');
    this.lines = [];
    return text;
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

  private letGo(outboxes: readonly Outbox[]): readonly Outbox[] {
    this.outboxes = [];
    this.told = [];
    return outboxes;
  }
}
