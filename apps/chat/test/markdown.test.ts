import fc from 'fast-check';
import { expect, test } from 'vitest';
import { splitBlocks } from '../shared/split-blocks.ts';
import { citeBlocks } from '../web/markdown/cite-blocks.ts';
import { closeInline } from '../web/markdown/close-inline.ts';
import { highlight } from '../web/markdown/highlight.ts';
import { linkBlocks, notesOf } from '../web/markdown/link-blocks.ts';

test.each([
  ['**bo', '**bo**'],
  ['a **bold** b', 'a **bold** b'],
  ['a **', 'a '],
  ['use `npm ru', 'use `npm ru`'],
  ['use `', 'use '],
  ['see [the docs](/sour', 'see the docs'],
  ['see [the do', 'see the do'],
  ['see [docs](/a) and', 'see [docs](/a) and'],
  ['`a ** b` c', '`a ** b` c'],
  ['```ts\nconst a = `x', '```ts\nconst a = `x'],
  ['|', ''],
  ['| Na', '| Na\n|---|'],
  ['| Name | **Va', '| Name | **Va**\n|---|---|'],
  ['| Name | Value |', '| Name | Value |\n|---|---|'],
  ['| a \\| b | c |\n|-', '| a \\| b | c |\n|---|---|'],
  ['| a | b |\n|---|--:', '| a | b |\n|---|--:'],
  ['| a | b |\n|---|---|\n| 1', '| a | b |\n|---|---|\n| 1'],
  ['| a |\nno table', '| a |\nno table'],
  ['| a | b |\n|---|---|\n| 2 ** 3 | `', '| a | b |\n|---|---|\n| 2 ** 3 | '],
  ['| a | b |\n|---|---|\n| ` | **c', '| a | b |\n|---|---|\n| ` | **c**'],
  ['| a | b |\n|---|---|\n| `x | **c |\n', '| a | b |\n|---|---|\n| `x | **c |\n'],
  ['| a |\n|---|\n| `b \\| c', '| a |\n|---|\n| `b \\| c`'],
  ['Here they are:\n-', 'Here they are:'],
  ['Here they are:\n==', 'Here they are:'],
  ['A title\n---\n', 'A title\n---\n'],
])('half-written %j is shown as %j', (half, shown) => {
  expect(closeInline(half)).toBe(shown);
});

test('closing never throws and never adds more than the markers', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[ab*`[\]() \n]{0,40}$/), (text) => {
      const letters = (value: string) => value.replace(/[^ab]/g, '');
      expect(letters(text).startsWith(letters(closeInline(text)).slice(0, 1))).toBe(true);
      // As many ticks as opened the code, which may have come together where a bracket was taken out, or two asterisks.
      const marker = Math.max(2, text.replace(/[^`]/g, '').length);
      expect(closeInline(text).length).toBeLessThanOrEqual(text.length + marker);
    }),
  );
});

const source = { type: 'url' as const, title: 'A', url: '/a' };
const at = (index: number) => ({ type: 'annotation' as const, source, index });

test('marks stand at the end of their line, in the order of the sources', () => {
  const text = 'One line.\n\nTwo lines\nhere.\n';
  expect(citeBlocks(splitBlocks(text), [at(9), at(14)])).toEqual([
    'One line.\u00a0[1](#cite-1)\n\n',
    'Two lines\u00a0[2](#cite-2)\nhere.\n',
  ]);
});

test('code and tables get no marks, and a mark beyond the text waits', () => {
  const text = '```\na\n```\n\n| a |\n|---|\n';
  expect(citeBlocks(splitBlocks(text), [at(5), at(15), at(500)]).join('')).toBe(text);
});

test('an address that stands at the end reaches the blocks that refer to it, and only these', () => {
  const blocks = [
    'See [the docs][1] and [Docs].\n\n',
    'Nothing [here].\n\n',
    '```\n[a][1]\n```\n\n',
    '[1]: /a\n[docs]: /b "Docs"\n',
  ];
  expect(linkBlocks(blocks)).toEqual([
    'See [the docs][1] and [Docs].\n\n[1]: /a\n[docs]: /b "Docs"\n',
    ...blocks.slice(1),
  ]);
});

test('the mark of a footnote points at the footnote, wherever that is, but not in code or where there is none', () => {
  const blocks = ['One[^1], `two[^1]`, three[^x].\n\n', '[^1]: The *first*.\n[^b]: Another,\n  longer.\n'];
  expect(linkBlocks(blocks)).toEqual(['One[1](#note-1), `two[^1]`, three[^x].\n\n', blocks[1]]);
  expect(notesOf(blocks[1] ?? '')).toEqual([
    { label: '1', text: 'The *first*.' },
    { label: 'b', text: 'Another,\n  longer.' },
  ]);
  expect(notesOf('No [^1]: note')).toBeUndefined();
  // The addresses that stand among them show nothing, and each of them may refer to one.
  expect(notesOf('[a]: /a\n[^1]: See [it][a].\n')).toEqual([{ label: '1', text: 'See [it][a].\n\n[a]: /a' }]);
});

test('without a definition the blocks stay the same object', () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[a[\]`^ \n]{0,20}$/)), (blocks) => {
      expect(linkBlocks(blocks)).toBe(blocks);
    }),
  );
});

test('highlighting keeps every character', () => {
  fc.assert(
    fc.property(fc.string(), fc.constantFrom('ts', 'sh', 'json', 'unknown'), (code, language) => {
      expect(
        highlight(code, language)
          .map((token) => token.text)
          .join(''),
      ).toBe(code);
    }),
  );
});

test('of what models write most, comments and keywords are told apart', () => {
  const kinds = (code: string, language: string) =>
    highlight(code, language).flatMap(({ kind, text }) => (kind === 'plain' ? [] : [`${kind} ${text}`]));
  expect(kinds('def f(): # no\n  return "a"', 'python')).toEqual([
    'keyword def',
    'name f',
    'comment # no',
    'keyword return',
    'string "a"',
  ]);
  expect(kinds("select 1 FROM t -- 'no'", 'sql')).toEqual([
    'keyword select',
    'number 1',
    'keyword FROM',
    "comment -- 'no'",
  ]);
  expect(kinds('func f() { return 1 }', 'go')).toEqual(['keyword func', 'name f', 'keyword return', 'number 1']);
});

test('highlighting tells comments, strings and keywords apart', () => {
  const kinds = highlight("const a = 'x'; // note", 'ts').filter((token) => token.kind !== 'plain');
  expect(kinds).toEqual([
    { kind: 'keyword', text: 'const' },
    { kind: 'string', text: "'x'" },
    { kind: 'comment', text: '// note' },
  ]);
});
