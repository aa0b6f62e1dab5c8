/**
 * `smooth`: delivers text at an even pace. Models deliver in bursts; people prefer a flow. The pace follows the
 * backlog, so the delay is bounded at every speed: a slow stream passes unchanged, a burst is spread over at most
 * `maxLagMs`. The last grapheme or word is held back until it is known to be complete, because a delta may end in the
 * middle of an emoji.
 */

import { type Clock, systemClock } from './clock.ts';
import { atLeast } from './engine/at-least.ts';
import { deadline } from './engine/deadline.ts';
import { operator } from './engine/outlet.ts';
import { type Pump, pump } from './engine/pump.ts';
import { ALL, GRAPHEMES, textTail, UNITS } from './engine/text-tail.ts';
import type { Operator } from './stream.ts';

/** Options of `smooth`. The first two are required if items are not strings. */
export interface SmoothOptions<T> {
  /** The text of an item; `undefined` for items that are not text. Such an item passes at once, after any held text. */
  text?: ((item: T) => string | undefined) | undefined;
  /** A copy of an item with different text. */
  withText?: ((item: T, text: string) => T) | undefined;
  /** Only texts with the same key are joined and cut anew: the id of their message, for example. */
  key?: ((item: T) => unknown) | undefined;
  /** The unit that is never split: `'word'` (default) or `'grapheme'`, as in `Intl.Segmenter`. */
  unit?: 'word' | 'grapheme' | undefined;
  /** For `Intl.Segmenter`. Default: the runtime's. */
  locale?: string | undefined;
  /** The longest that text is delayed. Default 250. */
  maxLagMs?: number | undefined;
  /** The slowest pace, in characters per second; keeps the end of a text from trickling in. Default 120. */
  minRate?: number | undefined;
  /** How long an incomplete last unit is held back for its rest. Default 80. */
  holdMs?: number | undefined;
  /** The least time between two pieces, where the pace allows it. Default 16. */
  stepMs?: number | undefined;
  /** How much text may be held for a reader that does not read, in characters; at least 0. Default 65,536. */
  maxHeld?: number | undefined;
  /** Default: the runtime's clock. */
  clock?: Clock | undefined;
}

/** How much text came in at about the same time, and when it must be out. */
interface Arrival {
  length: number;
  readonly _dueAt: number;
}

/**
 * Turns bursts of text into a flow of small pieces. Nothing is lost, added or reordered: the pieces concatenate to the
 * input. The first text comes at once, up to its last grapheme. White space comes with the visible text after it. No
 * text is delayed by more than `maxLagMs`. At the end, at an error, or at an item that is not text, everything held
 * comes at once. No piece ends inside a grapheme, unless the rest of that grapheme is more than `holdMs` late, or all
 * of it more than `maxLagMs`.
 *
 * @example
 * pipe(tokens, smooth(), forEach((text) => append(text)));
 */
export function smooth<T>(
  options: SmoothOptions<T> & { text: (item: T) => string | undefined; withText: (item: T, text: string) => T },
): Operator<T, T>;
export function smooth(options?: SmoothOptions<string>): Operator<string, string>;
export function smooth<T>(options: SmoothOptions<T> = {}): Operator<T, T> {
  const {
    text: textOf = (item: T) => item as unknown as string | undefined,
    withText,
    key: keyOf,
    unit = 'word',
    locale,
    maxLagMs = 250,
    minRate = 120,
    holdMs = 80,
    stepMs = 16,
    maxHeld = 65_536,
    clock = systemClock,
  } = options;
  return operator((upstream) => {
    const tail = textTail(unit, locale);
    let template: { item: T; key: unknown } | undefined; // the item whose text is held
    const arrivals: Arrival[] = []; // of the held text, oldest first
    let lastArrivalAt = 0;
    let nextAt = Number.NEGATIVE_INFINITY;
    let isFirst = true;

    const take = (item: T): void => {
      const text = textOf(item);
      if (text === undefined) {
        pushOut();
        return out.offer(item);
      }
      const key = keyOf?.(item);
      if (template?.key !== key) {
        pushOut();
        isFirst = true;
      }
      template = { item, key };
      if (text === '') return;
      tail.push(text);
      lastArrivalAt = clock.now();
      noteArrival(text.length, lastArrivalAt + maxLagMs);
    };

    /**
     * Text that comes within one step of earlier text shares its due time, so the list has at most one entry per step
     * of the lag.
     */
    const noteArrival = (length: number, dueAt: number): void => {
      const last = arrivals.at(-1);
      if (last && dueAt - last._dueAt < stepMs) last.length += length;
      else arrivals.push({ length, _dueAt: dueAt });
    };

    /** Lets the next piece out, or sets the timer for it. */
    const letOut = (): void => {
      if (!out.isWaited() || tail.length() === 0) return;
      const now = clock.now();
      const { _dueAt: dueAt } = arrivals[0] as Arrival;
      const wakeAt = tail.blanks() < 0 ? dueAt : Math.min(nextAt, dueAt);
      if (now < wakeAt) return due.set(wakeAt);
      const piece = nextPiece(now);
      if (piece === '') return due.set(Math.min(lastArrivalAt + holdMs, dueAt));
      nextAt = now + Math.max(stepMs, piece.length / rateAt(now));
      offerText(piece);
    };
    const due = deadline(clock, () => out.run());

    const nextPiece = (now: number): string => {
      const dueLength = dueBy(now);
      const wanted = Math.max(Math.ceil(rateAt(now) * stepMs), tail.blanks() + 1);
      const early = isFirst || dueLength > 0 ? GRAPHEMES : UNITS;
      let piece = tail.take(wanted, now < lastArrivalAt + holdMs ? early : ALL);
      // The part of the last grapheme that is due leaves without the rest of it.
      if (piece.length < dueLength) piece += tail.take(dueLength - piece.length, ALL);
      if (piece !== '') isFirst = false;
      return piece;
    };

    /** The pace, in characters per millisecond, that gets every part of the held text out by its due time. */
    const rateAt = (now: number): number => {
      let rate = minRate / 1000;
      let length = 0;
      for (const arrival of arrivals) {
        length += arrival.length;
        rate = Math.max(rate, length / Math.max(1, arrival._dueAt - now));
      }
      return rate;
    };

    const dueBy = (now: number): number => {
      let length = 0;
      for (const arrival of arrivals) if (arrival._dueAt <= now) length += arrival.length;
      return length;
    };

    /** Everything that is held, at once. */
    const pushOut = (): void => {
      if (tail.length() > 0) offerText(tail.take(tail.length(), ALL));
    };

    const offerText = (text: string): void => {
      let left = text.length;
      while (left > 0) {
        const oldest = arrivals[0] as Arrival;
        const taken = Math.min(left, oldest.length);
        oldest.length -= taken;
        left -= taken;
        if (oldest.length === 0) arrivals.shift();
      }
      out.offer(withText ? withText((template as { item: T }).item, text) : (text as T));
    };

    const out: Pump<T> = pump<T, T>(upstream, {
      wantsMore: () => out.held() === 0 && tail.length() <= atLeast(0, maxHeld),
      take,
      onSourceOver: pushOut,
      onTurn: letOut,
      onOver: due.clear,
    });
    return out;
  });
}
