/**
 * Text that grows at one end and is taken at the other, in whole graphemes or words. Only the unfinished end is segmented
 * again when text comes: doing it for the whole of a growing message costs seconds of CPU for one answer.
 *
 * A call of `Intl.Segmenter` costs about 5 µs, so boundaries are found without it where the rules (Unicode Standard Annex
 * 29) leave no doubt: between ASCII, Chinese, Japanese and Korean characters that take no marks. Only the words of Chinese
 * and Japanese, which are in its dictionary, are left to it, one stretch between two marks of punctuation at a time. That
 * may hold a word back together with the comma behind it, never cut where the segmenter would not.
 *
 * Dictionaries end words inside of graphemes: Firefox's in front of the marks of kana, ICU's in front of a Korean consonant behind
 * a whole syllable. No cut is made there; it costs a second question wherever the rules leave doubt.
 */

/** A unit longer than this is not waited for: base64, hashes and the like have no boundaries. */
const LONGEST_UNIT = 64;

/** What may be taken: `'units'`: all but the last unit; `'graphemes'`: all but the last grapheme; `'all'`: everything. */
export type Takeable = 'units' | 'graphemes' | 'all';

export interface TextTail {
  length(): number;
  /** How much white space stands in front of what can be seen; -1 if nothing can. */
  blanks(): number;
  push(text: string): void;
  /** Up to `wanted` characters, rounded up to a whole unit, of what may be taken; nothing if that is in front of the visible. */
  take(wanted: number, takeable: Takeable): string;
}

export function textTail(unit: 'word' | 'grapheme', locale: string | undefined): TextTail {
  const graphemes = rulesOf('grapheme', locale);
  const units = unit === 'grapheme' ? graphemes : rulesOf('word', locale);
  let text = '';
  let lastUnitAt = 0; // where the last unit begins, which may still grow; or before that, as long as …
  let hasGrown = false; // … since then

  /** Whether a place is inside of a grapheme. None goes on with a character of Latin-1, so those are not asked about. */
  const splits = (whole: string, at: number): boolean =>
    (whole[at] as string) > '\xff' && nextBoundary(graphemes, whole, at) > at;

  const endOf = (takeable: Takeable): number => {
    if (takeable === 'all') return text.length;
    if (hasGrown) {
      const from = lastUnitAt;
      lastUnitAt = text.length;
      do lastUnitAt = lastBoundary(units, text.slice(0, lastUnitAt), from);
      while (lastUnitAt > from && splits(text, lastUnitAt));
    }
    hasGrown = false;
    const isWaitedFor = takeable === 'units' && text.length - lastUnitAt <= LONGEST_UNIT;
    return isWaitedFor ? lastUnitAt : lastBoundary(graphemes, text, lastUnitAt);
  };

  /** The end of the unit that `wanted` falls into; of the grapheme, if the unit is too long to come as one piece. */
  const cutAt = (wanted: number, end: number): number => {
    const window = text.slice(0, Math.min(end, wanted + 2 * LONGEST_UNIT));
    let unitEnd = nextBoundary(units, window, wanted);
    while (splits(window, unitEnd)) unitEnd = nextBoundary(units, window, unitEnd + 1);
    return unitEnd - wanted <= LONGEST_UNIT ? unitEnd : nextBoundary(graphemes, window, wanted);
  };

  const blanks = (): number => text.search(/\S/);

  return {
    length: () => text.length,
    blanks,
    push(more) {
      text += more;
      hasGrown = true;
    },
    take(wanted, takeable) {
      const end = endOf(takeable);
      if (end <= blanks()) return '';
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

/** Two characters that are graphemes of their own, unless a mark follows; it would not be among them. */
const PLAIN =
  /^[\p{ASCII}\u3001\u3002\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uff01\uff0c\uff1f]{2}$/u;

/** Two that may be in one word with each other: letters, digits, and what may stand inside a word or a number. */
const JOINING = /^[\w'".:,;\uac00-\ud7a3\uff0c]{2}$/;

/** What may stand inside a word or a number is punctuation, but for the fraction slash. */
const MARK = /^[\p{P}\u2044]/u;

/** Two whose words only a dictionary tells apart; but for the low line, they are in one word with nothing else. */
const UNSPACED = /^[_\u3041-\u9fff]{2}$/;

/** Whether there is a boundary before the character at `index`: yes, no, or only the segmenter knows. */
function boundaryAt({ isWord }: Rules, text: string, index: number): boolean | undefined {
  const pair = text.slice(index - 1, index + 1);
  if (!PLAIN.test(pair)) return undefined;
  if (pair === '\r\n') return false;
  if (!isWord) return true;
  if (pair === '  ') return false;
  return UNSPACED.test(pair) ? undefined : !JOINING.test(pair);
}

/** Where the last segment of `text` begins that may still grow, which is known to begin at `from` or later. */
function lastBoundary(rules: Rules, text: string, from: number): number {
  let isSure = true;
  for (let index = text.length - 1; index > from; index--) {
    const isBoundary = boundaryAt(rules, text, index);
    if (isBoundary && isSure) return index;
    if (isBoundary) from = index;
    else isSure &&= isBoundary === false;
  }
  if (isSure) return from;
  const segments = rules.segmenter.segment(text.slice(from));
  const last = segments.containing(text.length - from - 1) as Intl.SegmentData;
  // A mark at the end may yet turn out to stand inside a word (rules WB6 and WB11), an emoji or an arrow never.
  const mayStandInside = last.isWordLike === false && MARK.test(last.segment);
  const previous = mayStandInside ? segments.containing(last.index - 1) : undefined;
  return from + (previous?.isWordLike ? previous.index : last.index);
}

/** The first boundary that is not before `wanted`, which is not behind the end of the text. */
function nextBoundary(rules: Rules, text: string, wanted: number): number {
  let isSure = true;
  let to = Math.max(1, wanted);
  for (; to < text.length; to++) {
    const isBoundary = boundaryAt(rules, text, to);
    if (isBoundary) break;
    isSure &&= isBoundary === false;
  }
  if (isSure) return to;
  let from = Math.max(0, wanted - 1);
  while (from > 0 && !boundaryAt(rules, text, from)) from--;
  const segments = rules.segmenter.segment(text.slice(from, to));
  const { index, segment } = segments.containing(Math.max(0, wanted - 1 - from)) as Intl.SegmentData;
  return from + index + segment.length;
}
