import fc from 'fast-check';
import { expect, test } from 'vitest';
import { splitBlocks } from '../shared/split-blocks.ts';

const line = fc.oneof(
  fc.constantFrom(
    '',
    '',
    'text',
    '# heading',
    '#',
    '- item',
    '- ',
    '* other',
    '1. one',
    '2) two',
    '12',
    '```ts',
    '```',
  ),
  fc.constantFrom(
    '~~~',
    '````',
    '  nested',
    '    code',
    '> quote',
    '| a | b |',
    '|---|---|',
    '  ```',
    '[x](y)',
    ' ',
    '-',
  ),
);
const markdown = fc.array(line, { maxLength: 24 }).map((lines) => lines.join('\n'));

test('blocks joined are the text', () => {
  fc.assert(
    fc.property(markdown, (text) => {
      expect(splitBlocks(text).join('')).toBe(text);
    }),
    { numRuns: 1_000 },
  );
});

test('while text arrives, only the last block changes', () => {
  fc.assert(
    fc.property(markdown, fc.nat(), (text, cut) => {
      const prefix = text.slice(0, cut % (text.length + 1));
      const settled = splitBlocks(prefix).slice(0, -1);
      expect(splitBlocks(text).slice(0, settled.length)).toEqual(settled);
    }),
    { numRuns: 5_000 },
  );
});

test('a fence, a list with its content and a table are one block each', () => {
  const blocks = ['# Title\n', 'Some text\non two lines.\n\n', '```ts\nconst a = 1;\n\nconst b = 2;\n```\n\n'];
  const more = ['- one\n\n  its text\n- two\n\n', '| a | b |\n|---|---|\n| 1 | 2 |\n\n', 'end'];
  expect(splitBlocks([...blocks, ...more].join(''))).toEqual([...blocks, ...more]);
});

test('a fence that is not closed runs to the end', () => {
  expect(splitBlocks('a\n\n```\nb\n\nc')).toEqual(['a\n\n', '```\nb\n\nc']);
});
