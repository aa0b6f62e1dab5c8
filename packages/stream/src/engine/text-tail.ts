/**
 * Text that grows at one end and is taken at the other, in whole graphemes or words. Only the unfinished end is segmented
 * again when text comes: doing it for the whole of a growing message costs seconds of CPU for one answer.
 */

/** A unit longer than this is not waited for: base64, hashes and the like have no boundaries. */
const LONGEST_UNIT = 64;

/**
 * What may be taken: `'units'`: all but the last unit; `'graphemes'`: all but the last grapheme; `'all'`: everything.
 */
export type Takeable = 'units' | 'graphemes' | 'all';

export class TextTail {
  private readonly graphemes: Intl.Segmenter;
  private readonly units: Intl.Segmenter;
  private text = '';
  private lastUnitAt = 0; // where the last unit begins, which may still grow

  constructor(unit: 'word' | 'grapheme', locale: string | undefined) {
    this.graphemes = new Intl.Segmenter(locale, { granularity: 'grapheme' });
    this.units = unit === 'grapheme' ? this.graphemes : new Intl.Segmenter(locale, { granularity: 'word' });
  }

  get length(): number {
    return this.text.length;
  }

  push(text: string): void {
    this.text += text;
    this.lastUnitAt += lastSegmentAt(this.units, this.text.slice(this.lastUnitAt));
  }

  /** Up to `wanted` characters, rounded up to a whole unit, of what may be taken; possibly nothing. */
  take(wanted: number, takeable: Takeable): string {
    const end = this.endOf(takeable);
    if (end === 0) return '';
    const cut = wanted >= end ? end : this.cutAt(wanted, end);
    const piece = this.text.slice(0, cut);
    this.text = this.text.slice(cut);
    this.lastUnitAt = Math.max(0, this.lastUnitAt - cut);
    return piece;
  }

  private endOf(takeable: Takeable): number {
    if (takeable === 'all') return this.text.length;
    const isTooLong = this.text.length - this.lastUnitAt > LONGEST_UNIT;
    if (takeable === 'units' && !isTooLong) return this.lastUnitAt;
    return this.lastUnitAt + lastSegmentAt(this.graphemes, this.text.slice(this.lastUnitAt));
  }

  /** The end of the unit that `wanted` falls into; of the grapheme, if the unit is too long to come as one piece. */
  private cutAt(wanted: number, end: number): number {
    const window = this.text.slice(0, Math.min(end, wanted + 2 * LONGEST_UNIT));
    const unit = segmentEnd(this.units, window, wanted);
    return unit - wanted <= LONGEST_UNIT ? unit : segmentEnd(this.graphemes, window, wanted);
  }
}

/** Where the last segment of `text` begins. */
function lastSegmentAt(segmenter: Intl.Segmenter, text: string): number {
  return text.length === 0 ? 0 : (segmenter.segment(text).containing(text.length - 1)?.index ?? 0);
}

/** Where the segment ends that holds the last of the first `count` characters. */
function segmentEnd(segmenter: Intl.Segmenter, text: string, count: number): number {
  const segment = segmenter.segment(text).containing(Math.max(0, count - 1));
  return segment === undefined ? text.length : segment.index + segment.segment.length;
}
