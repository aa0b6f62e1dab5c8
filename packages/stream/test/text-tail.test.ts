/** Where text may be cut: only where `Intl.Segmenter` would cut the whole of it, also where it was not asked. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALL, textTail, UNITS } from '../src/engine/text-tail.ts';

const ascii = [...'aZ9_\'".:,;-/(){}=!?@#&*+<>\t \r\n'];
const other = ['é', 'e\u0301', '\u0301', '日', '本', '👩‍👩‍👧', '👍🏽', '🇨🇭', '\u200d', '’', '\u00a0'];
const asian = [...'日本カな한글，。！「」１', '\u3099', '\ufe0f', '\u1100', '\u11a8', ...'a1_. ,'];

const texts = (units: readonly string[]) =>
  fc.array(fc.constantFrom(...units), { maxLength: 60 }).map((list) => list.join(''));

/** Runs `body` with a segmenter of words that ends them before a mark, as Firefox's does behind kana. */
const withWordsThatSplit = (body: () => void): void => {
  const { Segmenter } = Intl;
  const construct = (_: unknown, [locale, options]: ConstructorParameters<typeof Intl.Segmenter>) => {
    const real = new Segmenter(locale, options);
    if (options?.granularity !== 'word') return real;
    const segment = (input: string) => {
      const words = [...real.segment(input)].flatMap(({ index, segment, isWordLike }) => {
        const starts = [0, ...[...segment.matchAll(/(?<!^)\u3099/g)].map((mark) => mark.index)];
        return starts.map((at, place) => ({
          index: index + at,
          segment: segment.slice(at, starts[place + 1]),
          isWordLike,
        }));
      });
      return {
        containing: (at: number) => words.find(({ index, segment }) => at >= index && at < index + segment.length),
      };
    };
    return { segment };
  };
  Object.assign(Intl, { Segmenter: new Proxy(Segmenter, { construct }) });
  try {
    body();
  } finally {
    Object.assign(Intl, { Segmenter });
  }
};

it('keeps graphemes whole where words end inside of them', () => {
  withWordsThatSplit(() => {
    const units = [...asian, 'か', '\u3099', '\u3099'];
    fc.assert(
      fc.property(fc.array(texts(units), { maxLength: 8 }), fc.nat(12), (chunks, wish) => {
        const whole = chunks.join('');
        const segments = new Intl.Segmenter().segment(whole);
        const boundaries = new Set([...segments].map(({ index }) => index).concat(whole.length));
        const tail = textTail('word', 'ja');
        let cut = 0;
        for (const chunk of chunks) {
          tail.push(chunk);
          cut += tail.take(wish, UNITS).length;
          expect(boundaries.has(cut)).toBe(true);
        }
        expect(tail.take(tail.length(), ALL)).toBe(whole.slice(cut));
      }),
      { numRuns: 500 },
    );
  });
});

describe.each(['word', 'grapheme'] as const)('%s', (unit) => {
  const boundariesOf = (text: string, granularity: 'word' | 'grapheme') =>
    new Set([...new Intl.Segmenter('en', { granularity }).segment(text)].map(({ index }) => index).concat(text.length));

  it.each([
    ['ASCII', ascii],
    ['ASCII with the rest of the world', [...ascii, ...ascii, ...other]],
    ['Chinese, Japanese and Korean', asian],
    // No ideograph that makes a word with itself, as 字 does: a dictionary cuts 字字字 and 字字字字 in different places.
    ['marks that may stand inside a word', [...'aé語1’·:.,\'"；， ']],
  ])('cuts %s at boundaries of the whole text, however it arrives', (_name, units) => {
    fc.assert(
      fc.property(
        fc.array(texts(units), { maxLength: 8 }),
        fc.array(fc.nat(12), { maxLength: 8 }),
        (chunks, wishes) => {
          const whole = chunks.join('');
          const boundaries = boundariesOf(whole, unit);
          const graphemes = boundariesOf(whole, 'grapheme');
          const tail = textTail(unit, 'en');
          const pieces: string[] = [];
          for (const [index, chunk] of chunks.entries()) {
            tail.push(chunk);
            const held = tail.length();
            const piece = tail.take(wishes[index] ?? 5, UNITS);
            pieces.push(piece);
            const cut = pieces.join('').length;
            // A unit of more than 64 characters is not waited for; then it is graphemes that are kept whole.
            if (cut < whole.length) expect((held > 64 ? graphemes : boundaries).has(cut)).toBe(true);
          }
          pieces.push(tail.take(tail.length(), ALL));
          expect(pieces.join('')).toBe(whole);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('keeps the last character only with what may yet become one unit with it', () => {
    const mayStandInside = new Set<string>();
    const held = new Set<string>();
    for (let code = 0x80; code < 0xfffe; code++) {
      const mark = String.fromCharCode(code);
      if (!/[\p{P}\p{S}\p{Z}\p{C}]/u.test(mark) || /\p{Cs}|\p{Co}/u.test(mark)) continue;
      for (const side of ['a', '1', '\u05d0']) {
        const boundaries = boundariesOf(side + mark + side, unit);
        if (boundaries.has(1)) continue;
        if (boundariesOf(side + mark, unit).has(1)) mayStandInside.add(mark);
      }
      const tail = textTail(unit, 'en');
      tail.push(`a${mark}`);
      if (tail.take(1, UNITS) === '') held.add(mark);
    }
    expect([...mayStandInside].filter((mark) => !held.has(mark))).toEqual([]);
    expect(held.has('→')).toBe(false);

    const tail = textTail(unit, 'en');
    tail.push('word👩');
    expect(tail.take(4, UNITS)).toBe('word');
  });

  it('takes what is asked for, up to the next boundary', () => {
    const tail = textTail(unit, 'en');
    tail.push('one two three ');
    expect(tail.take(2, UNITS)).toBe(unit === 'word' ? 'one' : 'on');
    expect(tail.take(4, UNITS)).toBe(unit === 'word' ? ' two' : 'e tw');
    expect(tail.take(100, UNITS)).toBe(unit === 'word' ? ' three' : 'o three');
    expect(tail.take(100, ALL)).toBe(' ');
  });
});
