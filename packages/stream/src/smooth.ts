/**
 * Text at an even pace. Models deliver in bursts; readers like a flow. The pace follows the backlog, so the delay is
 * bounded at every speed: a slow stream passes as it is, a burst is spread over at most `maxLagMs`. The last grapheme or
 * word is held back until it is certain that it is complete, because a delta may end in the middle of an emoji.
 */

import { type Clock, systemClock } from './clock.ts';
import { Deadline } from './engine/deadline.ts';
import { stageOf } from './engine/inlet.ts';
import { Outlet } from './engine/outlet.ts';
import { Pump } from './engine/pump.ts';
import type { Sink, Stage } from './engine/stage.ts';
import { TextTail } from './engine/text-tail.ts';
import type { Operator } from './stream.ts';

/** Options of `smooth`. The first three are needed when items are not plain strings. */
export interface SmoothOptions<T> {
  /** The text of an item; `undefined` for items that are not text, which push out what is held and pass at once. */
  text?: (item: T) => string | undefined;
  /** An item like this one with other text. */
  withText?: (item: T, text: string) => T;
  /** What texts must have in common to flow into each other, such as the id of their message. */
  key?: (item: T) => unknown;
  /** What is not split: `'word'` (default) or `'grapheme'`, as in `Intl.Segmenter`. */
  unit?: 'word' | 'grapheme';
  /** For `Intl.Segmenter`. Default: the runtime's. */
  locale?: string;
  /** The longest that text is delayed. Default 250. */
  maxLagMs?: number;
  /** The slowest pace, in characters per second; keeps the end of a text from trickling. Default 120. */
  minRate?: number;
  /** How long a last unit waits to be completed. Default 80. */
  holdMs?: number;
  /** The time between two pieces, if the pace allows. Default 16. */
  stepMs?: number;
  /** How much text may be held for a reader that does not read, in characters. Default 65,536. */
  maxHeld?: number;
  /** Default: the runtime's clock. */
  clock?: Clock;
}

/**
 * Turns bursts of text into a flow of small pieces. Nothing is lost, added or reordered: the pieces join to the input.
 * The first text comes at once, up to its last grapheme; no piece comes later than `maxLagMs` after its text; at the
 * end, an error, or an item that is not text, everything held comes at once. No piece ends inside a grapheme, unless
 * the rest of that grapheme is more than `holdMs` late, or all of it more than `maxLagMs`.
 *
 * @example
 * pipe(tokens, smooth(), forEach((text) => append(text)));
 */
export function smooth<T = string>(options: SmoothOptions<T> = {}): Operator<T, T> {
  return (source) => new Outlet(new SmoothStage(stageOf(source), options));
}

class SmoothStage<T> extends Pump<T, T> {
  private readonly options: SmoothOptions<T>;
  private readonly clock: Clock;
  private readonly deadline: Deadline;
  private readonly tail: TextTail;
  private readonly maxLagMs: number;
  private readonly holdMs: number;
  private readonly stepMs: number;
  private readonly minPerMs: number;
  private template: { item: T; key: unknown } | undefined; // whose text is held
  private arrivals: { length: number; dueAt: number }[] = []; // of the held text, oldest first
  private lastArrivalAt = 0;
  private nextAt = Number.NEGATIVE_INFINITY;
  private isFirst = true;

  constructor(upstream: Stage<T>, options: SmoothOptions<T>) {
    super(upstream);
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.deadline = new Deadline(this.clock, () => this.letOut());
    this.tail = new TextTail(options.unit ?? 'word', options.locale);
    this.maxLagMs = options.maxLagMs ?? 250;
    this.holdMs = options.holdMs ?? 80;
    this.stepMs = options.stepMs ?? 16;
    this.minPerMs = (options.minRate ?? 120) / 1000;
  }

  override pull(sink: Sink<T>): void {
    super.pull(sink);
    this.letOut();
  }

  protected override wantsMore(): boolean {
    return this.held === 0 && this.tail.length < (this.options.maxHeld ?? 65_536);
  }

  protected override take(chunk: T[]): void {
    for (const item of chunk) this.takeOne(item);
    this.letOut();
  }

  protected override flush(): void {
    this.pushOut();
  }

  protected override onOver(): void {
    this.deadline.clear();
  }

  private takeOne(item: T): void {
    const text = this.options.text === undefined ? (item as string) : this.options.text(item);
    if (text === undefined) {
      this.pushOut();
      this.offer(item);
      return;
    }
    const key = this.options.key?.(item);
    if (this.template !== undefined && this.template.key !== key) {
      this.pushOut();
      this.isFirst = true;
    }
    this.template = { item, key };
    if (text.length === 0) return;
    this.tail.push(text);
    this.lastArrivalAt = this.clock.now();
    this.noteArrival(text.length, this.lastArrivalAt + this.maxLagMs);
  }

  /** Text that comes within a step of earlier text shares its due time, so the list stays as short as the lag is. */
  private noteArrival(length: number, dueAt: number): void {
    const last = this.arrivals[this.arrivals.length - 1];
    if (last !== undefined && dueAt - last.dueAt < this.stepMs) last.length += length;
    else this.arrivals.push({ length, dueAt });
  }

  /** Lets the next piece out, or sets the timer for it. */
  private letOut(): void {
    if (!this.isWaited || this.tail.length === 0) return;
    const now = this.clock.now();
    if (now < this.nextAt && now < this.oldestDueAt) {
      this.deadline.set(Math.min(this.nextAt, this.oldestDueAt));
      return;
    }
    const piece = this.nextPiece(now);
    if (piece.length === 0) this.deadline.set(Math.min(this.lastArrivalAt + this.holdMs, this.oldestDueAt));
    else {
      this.nextAt = now + Math.max(this.stepMs, piece.length / this.rateAt(now));
      this.offerText(piece);
    }
  }

  private nextPiece(now: number): string {
    const isComplete = now >= this.lastArrivalAt + this.holdMs || now >= this.oldestDueAt;
    const wanted = Math.max(this.dueBy(now), Math.ceil(this.rateAt(now) * this.stepMs));
    const piece = this.tail.take(wanted, isComplete ? 'all' : this.isFirst ? 'graphemes' : 'units');
    if (piece.length > 0) this.isFirst = false;
    return piece;
  }

  /** Characters per millisecond that get every part of the held text out by its due time. */
  private rateAt(now: number): number {
    let rate = this.minPerMs;
    let length = 0;
    for (const arrival of this.arrivals) {
      length += arrival.length;
      rate = Math.max(rate, length / Math.max(1, arrival.dueAt - now));
    }
    return rate;
  }

  private dueBy(now: number): number {
    let length = 0;
    for (const arrival of this.arrivals) if (arrival.dueAt <= now) length += arrival.length;
    return length;
  }

  private get oldestDueAt(): number {
    return this.arrivals[0]?.dueAt ?? Number.POSITIVE_INFINITY;
  }

  /** Everything that is held, at once. */
  private pushOut(): void {
    if (this.tail.length > 0) this.offerText(this.tail.take(this.tail.length, 'all'));
  }

  private offerText(text: string): void {
    let left = text.length;
    while (left > 0) {
      const oldest = this.arrivals[0] as { length: number };
      const taken = Math.min(left, oldest.length);
      oldest.length -= taken;
      left -= taken;
      if (oldest.length === 0) this.arrivals.shift();
    }
    const { item } = this.template as { item: T };
    this.offer(this.options.withText === undefined ? (text as T) : this.options.withText(item, text));
  }
}
