// Bytes by hand say what strings would have said.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { CommandText } from '../src/redis/command-text.ts';

const aPiece = fc.oneof(
  fc.record({ of: fc.constant('text' as const), value: fc.string({ unit: 'grapheme', maxLength: 200 }) }),
  fc.record({ of: fc.constant('json' as const), value: fc.string({ unit: 'binary', maxLength: 200 }) }),
  fc.record({
    of: fc.constant('json' as const),
    value: fc.constantFrom('', '"', '\\', '\n', '\x7f', '\ud800', '\ufeff'),
  }),
  fc.record({ of: fc.constant('number' as const), value: fc.maxSafeNat() }),
  fc.record({ of: fc.constant('number' as const), value: fc.constantFrom(0, 9, 10, 99, 100, Number.MAX_SAFE_INTEGER) }),
);
type Piece = typeof aPiece extends fc.Arbitrary<infer T> ? T : never;

const write = (text: CommandText, { of, value }: Piece): void => {
  if (of === 'number') text.number(value);
  else text[of](value);
};
const said = ({ of, value }: Piece): string => (of === 'json' ? JSON.stringify(value) : `${value}`);

test('what is written is what the strings are, and a text that was taken begins anew', () => {
  const text = new CommandText();
  fc.assert(
    fc.property(fc.array(aPiece), (pieces) => {
      for (const piece of pieces) write(text, piece);
      expect(text.take()).toBe(pieces.map(said).join(''));
      expect(text.length).toBe(0);
    }),
    { numRuns: 500 },
  );
});

test('what is cut is gone, and the rest is as it was', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(aPiece, fc.boolean())), (pieces) => {
      const text = new CommandText();
      const gaps: [from: number, to: number][] = [];
      for (const [piece, isCut] of pieces) {
        const from = text.length;
        write(text, piece);
        if (isCut) gaps.push([from, text.length]);
      }
      for (const [from, to] of gaps.reverse()) text.cut(from, to);
      expect(text.take()).toBe(pieces.map(([piece, isCut]) => (isCut ? '' : said(piece))).join(''));
    }),
  );
});

test('it grows as far as it must, and says when it has grown too large to be kept', () => {
  const text = new CommandText();
  expect(text.isUsual).toBe(true);
  const long = '日本"\\'.repeat(50_000);
  text.json(long);
  text.number(7);
  expect(text.take()).toBe(`${JSON.stringify(long)}7`);
  expect(text.isUsual).toBe(false);
});
