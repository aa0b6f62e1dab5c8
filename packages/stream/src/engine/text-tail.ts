/**
 * The text buffer of `smooth`: text is appended at one end and taken from the other, in whole graphemes or words. When
 * text arrives, only the unfinished end is segmented again: segmenting the whole of a growing message each time costs
 * seconds of CPU per answer.
 *
 * A call to `Intl.Segmenter` costs about 5 µs, so boundaries are found without it where the rules (Unicode Standard
 * Annex 29) leave no doubt: between ASCII, Chinese, Japanese and Korean characters that carry no combining marks. What
 * is left to it is mostly Chinese and Japanese words, which need its dictionary, one stretch between punctuation marks
 * at a time. The result may hold a word back together with the comma after it, but never cuts where the segmenter would
 * not. (One limit is inherent: a dictionary may divide a run of ideographs differently once more of it has come, as
 * 字|字字 and 字字|字字.)
 *
 * Dictionaries sometimes end a word inside a grapheme: Firefox's before the sound marks of kana, ICU's before a Korean
 * consonant that follows a whole syllable. No cut is made there, at the price of a second segmenter call wherever the
 * rules leave doubt.
 */

/** A longer unit is not waited for: base64, hashes and the like have no boundaries. */
const LONGEST_UNIT = 64;

/** How much may be taken (numbers, because words would stay in the bundle): all but the last unit, … */
export const UNITS = 0;
/** … all but the last grapheme, … */
export const GRAPHEMES = 1;
/** … or everything. */
export const ALL = 2;

export type Takeable = typeof UNITS | typeof GRAPHEMES | typeof ALL;

export interface TextTail {
  length(): number;
  /** How much white space comes before the first visible character; -1 if there is none. */
  blanks(): number;
  push(text: string): void;
  /**
   * Takes up to `wanted` characters, rounded up to a whole unit, of what may be taken; nothing if that is only white
   * space.
   */
  take(wanted: number, takeable: Takeable): string;
}

export function textTail(unit: 'word' | 'grapheme', locale: string | undefined): TextTail {
  const graphemes = rulesOf('grapheme', locale);
  const units = unit === 'grapheme' ? graphemes : rulesOf('word', locale);
  let text = '';
  let lastUnitAt = 0; // where the last unit begins, which may still grow; outdated (too early) while …
  let hasGrown = false; // … text has come since it was found

  /**
   * Whether index `at` is inside a grapheme. No grapheme continues with a Latin-1 character, so before those the
   * segmenter is not called.
   */
  const splits = (whole: string, at: number): boolean =>
    (whole[at] as string) > '\xff' && nextBoundary(graphemes, whole, at) > at;

  const endOf = (takeable: Takeable): number => {
    if (takeable === ALL) return text.length;
    if (hasGrown) {
      const from = lastUnitAt;
      lastUnitAt = text.length;
      do lastUnitAt = lastBoundary(units, text.slice(0, lastUnitAt), from);
      while (lastUnitAt > from && splits(text, lastUnitAt));
    }
    hasGrown = false;
    const isWaitedFor = takeable === UNITS && text.length - lastUnitAt <= LONGEST_UNIT;
    return isWaitedFor ? lastUnitAt : lastBoundary(graphemes, text, lastUnitAt);
  };

  /** The end of the unit that `wanted` falls into, or of the grapheme if that unit is too long for one piece. */
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
  readonly _segmenter: Intl.Segmenter;
  readonly _isWord: boolean;
}

const rulesOf = (granularity: 'word' | 'grapheme', locale: string | undefined): Rules => ({
  _segmenter: new Intl.Segmenter(locale, { granularity }),
  _isWord: granularity === 'word',
});

/** Two characters with a grapheme boundary between them for certain: neither is, or attaches to, a combining mark. */
const PLAIN =
  /^[\p{ASCII}\u3001\u3002\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uff01\uff0c\uff1f]{2}$/u;

/**
 * Two characters that may be in the same word: letters, digits, and punctuation that can occur inside a word or number.
 */
const JOINING = /^[\w'".:,;\uac00-\ud7a3\uff0c]{2}$/;

/** Characters that can occur inside a word or number: punctuation, and the fraction slash. */
const MARK = /^[\p{P}\u2044]/u;

/**
 * Two characters of a script without spaces, whose words only a dictionary can tell apart; the underscore can join
 * their words.
 */
const UNSPACED = /^[_\u3041-\u9fff]{2}$/;

/** Whether there is a boundary before the character at `index`; `undefined` if only the segmenter knows. */
function boundaryAt({ _isWord: isWord }: Rules, text: string, index: number): boolean | undefined {
  const pair = text.slice(index - 1, index + 1);
  if (!PLAIN.test(pair)) return undefined;
  if (pair === '\r\n') return false;
  if (!isWord) return true;
  if (pair === '  ') return false;
  return UNSPACED.test(pair) ? undefined : !JOINING.test(pair);
}

/** The start of the last segment of `text`, the one that may still grow. `from` is a known boundary at or before it. */
function lastBoundary(rules: Rules, text: string, from: number): number {
  let isSure = true;
  for (let index = text.length - 1; index > from; index--) {
    const isBoundary = boundaryAt(rules, text, index);
    if (isBoundary && isSure) return index;
    if (isBoundary) from = index;
    else isSure &&= isBoundary === false;
  }
  if (isSure) return from;
  const segments = rules._segmenter.segment(text.slice(from));
  const last = segments.containing(text.length - from - 1) as Intl.SegmentData;
  // A punctuation mark at the end may turn out to be inside a word (rules WB6 and WB11); an emoji or an arrow never
  // can.
  const mayStandInside = last.isWordLike === false && MARK.test(last.segment);
  const previous = mayStandInside ? segments.containing(last.index - 1) : undefined;
  return from + (previous?.isWordLike ? previous.index : last.index);
}

/** The first boundary at or after `wanted`, which lies within the text. */
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
  const segments = rules._segmenter.segment(text.slice(from, to));
  const { index, segment } = segments.containing(Math.max(0, wanted - 1 - from)) as Intl.SegmentData;
  return from + index + segment.length;
}
