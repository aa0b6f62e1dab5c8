/** `smooth` on a virtual clock: arrival patterns from the wild, and its laws on any text. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { forEach, pipe, pushable, type SmoothOptions, smooth } from '../src/index.ts';
import { VirtualClock } from './support/virtual-clock.ts';

type Arrival = [at: number, text: string];

/** Plays the arrivals to a reader that takes pieces at once. */
async function play(arrivals: Arrival[], options: SmoothOptions<string> = {}) {
  const clock = new VirtualClock();
  const source = pushable<string>({ capacity: Number.POSITIVE_INFINITY });
  const pieces: Arrival[] = [];
  const reading = pipe(
    source,
    smooth({ ...options, clock }),
    forEach((text) => void pieces.push([clock.now(), text])),
  );
  for (const [at, text] of arrivals) {
    await clock.advance(at - clock.now());
    source.push(text);
  }
  await clock.advance(0);
  source.end();
  await clock.advance(1000);
  await reading;
  expect(clock.pending).toBe(0);
  return pieces;
}

const joined = (arrivals: Arrival[]) => arrivals.map(([, text]) => text).join('');

/** When each character of the text came in, or went out. */
const timesOf = (arrivals: Arrival[]) =>
  arrivals.flatMap(([at, text]) => Array.from({ length: text.length }, () => at));

const every = (ms: number, texts: Iterable<string>): Arrival[] => [...texts].map((text, index) => [index * ms, text]);

const english = 'The quick brown fox jumps over the lazy dog, and then it sleeps for a while. '.repeat(4);
const words = english.match(/\S+\s*/g) ?? [];
const chinese = '他们在河边散步，谈论着天气和昨天的新闻，直到太阳落山为止。'.repeat(4);
const family = '👨‍👩‍👧‍👦';
const flags = '🇩🇪🇫🇷🇯🇵';
const combining = 'e\u0301a\u0308o\u0302n\u0303 '.repeat(10);

const patterns: Record<string, Arrival[]> = {
  'steady words': every(30, words),
  'steady characters': every(10, english),
  'fast words': every(2, words),
  'one burst': [[0, english]],
  'bursts with pauses': words.map((word, index) => [Math.floor(index / 12) * 400, word]),
  'a stall in the middle of a word': [
    [0, 'Hello wor'],
    [2000, 'ld, again'],
    [2010, ' and more'],
  ],
  'one huge chunk': [[0, english.repeat(30)]],
  Chinese: every(20, chinese.match(/.{1,3}/gu) ?? []),
  'emoji by code point': every(15, [...`Hi ${family}${flags}! `.repeat(5)]),
  'combining marks by code point': every(15, [...combining]),
  base64: every(15, 'QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0NTY3ODk'.repeat(12).match(/.{1,20}/g) ?? []),
  'no trailing newline': [
    [0, 'line one\n'],
    [40, 'line two\n'],
    [80, 'the last lin'],
    [120, 'e'],
  ],
  'single letters, slowly': every(300, 'stream'),
  'empty deltas': [
    [0, 'first '],
    [10, ''],
    [20, ''],
    [30, 'second '],
    [40, 'third'],
  ],
  'spaces and newlines': every(15, ['a', '\n\n', '  - b', '\r', '\n', '\t c ']),
};

describe.each(Object.entries(patterns))('%s', (_name, arrivals) => {
  it.each(['word', 'grapheme'] as const)(
    'by the %s: first text at once, at most 250 ms late, nothing lost or split',
    async (unit) => {
      const pieces = await play(arrivals, { unit });
      const text = joined(arrivals);
      expect(joined(pieces)).toBe(text);

      const came = timesOf(arrivals);
      const went = timesOf(pieces);
      const late = went.map((at, index) => at - (came[index] as number));
      expect(Math.max(...late)).toBeLessThanOrEqual(250);
      expect(Math.min(...late)).toBeGreaterThanOrEqual(0);

      const firstDelta = arrivals[0]?.[1] ?? '';
      if ([...new Intl.Segmenter().segment(firstDelta)].length > 1) expect(pieces[0]?.[0]).toBe(arrivals[0]?.[0]);

      const boundaries = new Set([...new Intl.Segmenter().segment(text)].map(({ index }) => index));
      let cut = 0;
      for (const [, piece] of pieces) {
        expect(boundaries.has(cut)).toBe(true);
        cut += piece.length;
      }
    },
  );
});

it('reads on although nothing may be held', async () => {
  expect(joined(await play(every(1, ['one ', 'two']), { maxHeld: 0 }))).toBe('one two');
});

describe('smooth', () => {
  it('loses no character of any text, and splits no grapheme', async () => {
    const text = fc.array(
      fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom(family, flags, combining, ' ', '\n')),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(
        text,
        fc.array(fc.nat(20), { minLength: 1 }),
        fc.constantFrom('word', 'grapheme'),
        async (parts, gaps, unit) => {
          // Cut at every code point, which is within graphemes as often as not.
          let at = 0;
          const arrivals = [...parts.join('')].map((character, index): Arrival => {
            at += gaps[index % gaps.length] as number;
            return [at, character];
          });
          const pieces = await play(arrivals, { unit });
          const whole = joined(arrivals);
          expect(joined(pieces)).toBe(whole);
          const boundaries = new Set([...new Intl.Segmenter().segment(whole)].map(({ index }) => index));
          let cut = 0;
          for (const [, piece] of pieces) {
            expect(boundaries.has(cut)).toBe(true);
            cut += piece.length;
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each([30, 100, 150])('lets no blank out by itself, with a word every %i ms', async (ms) => {
    for (const deltas of [english.match(/\S+\s*/g), english.match(/\s*\S+/g), english.match(/\S+|\s+/g)]) {
      const pieces = await play(every(ms, deltas ?? []));
      expect(pieces.slice(0, -1).filter(([, piece]) => piece.trim() === '')).toEqual([]);
    }
  });

  it('lets a blank out that is due', async () => {
    const pieces = await play([
      [0, 'one '],
      [1000, 'two'],
    ]);
    expect(pieces.slice(0, 2)).toEqual([
      [0, 'one'],
      [250, ' '],
    ]);
  });

  it.each(['word', 'grapheme'] as const)(
    'by the %s: lets text go that is due and keeps the grapheme that still comes in',
    async (unit) => {
      const text = ` 00AA000${family}`;
      const pieces = await play(every(20, text), { unit });
      expect(joined(pieces)).toBe(text);
      expect(pieces.at(-1)?.[1]).toBe(family);
    },
  );

  it('lets a grapheme go that is late as a whole, though more of it comes', async () => {
    const marks = `a${'\u0301'.repeat(40)}`;
    const pieces = await play(every(20, marks));
    expect(joined(pieces)).toBe(marks);
    const late = timesOf(pieces).map((at, index) => at - index * 20);
    expect(Math.max(...late)).toBe(250);
  });

  it('spreads a burst: the gaps between pieces are even', async () => {
    const pieces = await play([
      [0, english],
      [10_000, ''],
    ]);
    expect(pieces.length).toBeGreaterThan(8);
    expect(pieces.at(-1)?.[0]).toBeLessThanOrEqual(250);
    const sizes = pieces.slice(1, -1).map(([, text]) => text.length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(80);
  });

  it('flushes at once at the end', async () => {
    const pieces = await play([[0, english]]);
    expect(pieces.at(-1)?.[0]).toBe(0);
  });

  it('keeps what is not text in its place, and the texts of two keys apart', async () => {
    type Part = { id: string; text: string } | { tool: string };
    const clock = new VirtualClock();
    const source = pushable<Part>();
    const got: Part[] = [];
    const reading = pipe(
      source,
      smooth<Part>({
        text: (part) => ('text' in part ? part.text : undefined),
        withText: (part, text) => ({ ...(part as { id: string }), text }),
        key: (part) => ('id' in part ? part.id : undefined),
        clock,
      }),
      forEach((part) => void got.push(part)),
    );
    source.pushMany([
      { id: 'a', text: 'one two three' },
      { tool: 'search' },
      { id: 'a', text: 'four' },
      { id: 'b', text: 'five' },
    ]);
    await clock.advance(1000);
    source.end();
    await reading;
    const text = (from: number, to: number) =>
      got
        .slice(from, to)
        .map((part) => ('text' in part ? part.text : ''))
        .join('');
    const tool = got.findIndex((part) => 'tool' in part);
    const b = got.findIndex((part) => 'id' in part && part.id === 'b');
    expect([text(0, tool), text(tool + 1, b), text(b, got.length)]).toEqual(['one two three', 'four', 'five']);
  });

  it('segments a growing message by its end only', async () => {
    let segmented = 0;
    const original = Intl.Segmenter.prototype.segment;
    Intl.Segmenter.prototype.segment = function (text: string) {
      segmented += text.length;
      return original.call(this, text);
    };
    try {
      const deltas = Array.from({ length: 2000 }, (_, index) => `word${index} `);
      await play(every(5, deltas));
      expect(segmented).toBeLessThan(40 * deltas.join('').length);
    } finally {
      Intl.Segmenter.prototype.segment = original;
    }
  });
});
