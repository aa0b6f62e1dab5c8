/**
 * Text that grows at one end and is taken at the other, in whole graphemes or words. Only the unfinished end is segmented
 * again when text comes: doing it for the whole of a growing message costs seconds of CPU for one answer.
 *
 * A call of `Intl.Segmenter` costs about 5 µs, so boundaries between ASCII characters are found without it, where the
 * rules (Unicode Standard Annex 29) leave no doubt. That may hold a word back together with the comma behind it, never
 * cut where the segmenter would not.
 */

/** A unit longer than this is not waited for: base64, hashes and the like have no boundaries. */
const LONGEST_UNIT = 64;

/** What may be taken: `'units'`: all but the last unit; `'graphemes'`: all but the last grapheme; `'all'`: everything. */
export type Takeable = 'units' | 'graphemes' | 'all';

export interface TextTail {
  length(): number;
  push(text: string): void;
  /** Up to `wanted` characters, rounded up to a whole unit, of what may be taken; possibly nothing. */
  take(wanted: number, takeable: Takeable): string;
}

export function textTail(unit: 'word' | 'grapheme', locale: string | undefined): TextTail {
  const graphemes = rulesOf('grapheme', locale);
  const units = unit === 'grapheme' ? graphemes : rulesOf('word', locale);
  let text = '';
  let lastUnitAt = 0; // where the last unit begins, which may still grow

  const endOf = (takeable: Takeable): number => {
    if (takeable === 'all') return text.length;
    const isTooLong = text.length - lastUnitAt > LONGEST_UNIT;
    return takeable === 'units' && !isTooLong ? lastUnitAt : lastBoundary(graphemes, text, lastUnitAt);
  };

  /** The end of the unit that `wanted` falls into; of the grapheme, if the unit is too long to come as one piece. */
  const cutAt = (wanted: number, end: number): number => {
    const window = text.slice(0, Math.min(end, wanted + 2 * LONGEST_UNIT));
    const unitEnd = nextBoundary(units, window, wanted);
    return unitEnd - wanted <= LONGEST_UNIT ? unitEnd : nextBoundary(graphemes, window, wanted);
  };

  return {
    length: () => text.length,
    push(more) {
      text += more;
      lastUnitAt = lastBoundary(units, text, lastUnitAt);
    },
    take(wanted, takeable) {
      const end = endOf(takeable);
      const cut = wanted >= end ? end : cutAt(wanted, end);
      const piece = text.slice(0, cut);
      text = text.slice(cut);
      lastUnitAt = Math.max(0, lastUnitAt - cut);
      return piece;
    },
  };
}

interface Rules {
  readonly segmenter: Intl.Segmenter;
  readonly isWord: boolean;
}

const rulesOf = (granularity: 'word' | 'grapheme', locale: string | undefined): Rules => ({
  segmenter: new Intl.Segmenter(locale, { granularity }),
  isWord: granularity === 'word',
});

/** ASCII characters that may join their neighbours: letters, digits, and what may stand inside a word or a number. */
const JOINING = /[\w'".:,;]/;

/** Whether there is a boundary before the character at `index`: yes, no, or only the segmenter knows. */
function boundaryAt({ isWord }: Rules, text: string, index: number): boolean | undefined {
  const before = text[index - 1] as string;
  const after = text[index] as string;
  if (before > '\x7f' || after > '\x7f') return undefined;
  if (before === '\r' && after === '\n') return false;
  if (!isWord) return true;
  if (before === ' ' && after === ' ') return false;
  return !JOINING.test(before) || !JOINING.test(after);
}

/** Where the last segment of `text` begins, which is known to begin at `from` or later. */
function lastBoundary(rules: Rules, text: string, from: number): number {
  for (let index = text.length - 1; index > from; index--) {
    const isBoundary = boundaryAt(rules, text, index);
    if (isBoundary) return index;
    if (isBoundary === undefined) {
      const rest = text.slice(from);
      return from + (rules.segmenter.segment(rest).containing(rest.length - 1)?.index ?? 0);
    }
  }
  return from;
}

/** The first boundary that is not before `wanted`. */
function nextBoundary(rules: Rules, text: string, wanted: number): number {
  for (let index = Math.max(1, wanted); index < text.length; index++) {
    const isBoundary = boundaryAt(rules, text, index);
    if (isBoundary) return index;
    if (isBoundary === undefined) {
      const segment = rules.segmenter.segment(text).containing(Math.max(0, wanted - 1));
      return segment === undefined ? text.length : segment.index + segment.segment.length;
    }
  }
  return text.length;
}
