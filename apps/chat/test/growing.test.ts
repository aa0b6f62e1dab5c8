/** What is cut into pieces so that a delta costs the same in a long answer as in a short one. */
import fc from 'fast-check';
import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import Markdown from 'react-markdown';
import remarkGfm from 'remark-gfm';
import { expect, test } from 'vitest';
import { cutBlocks, goesOn } from '../web/markdown/cut-blocks.ts';
import { cutCode, fenceOf } from '../web/markdown/cut-code.ts';
import { cutParagraph } from '../web/markdown/cut-paragraph.ts';
import { cutTable } from '../web/markdown/cut-table.ts';
import { type Cut, type Grown, grow } from '../web/markdown/grow.ts';
import { highlight } from '../web/markdown/highlight.ts';

const words = 'some words of an item, which is long enough for a few of them to fill a block. '.repeat(4);
const line = fc.constantFrom(
  '',
  `- ${words}`,
  `- ${words}`,
  `- ${words}`,
  `  - ${words}`,
  `* ${words}`,
  '- - -',
  '-',
  `1. ${words}`,
  `2. ${words}`,
  `17. ${words}`,
  '  ```',
  '```ts',
  '# heading',
  'A line',
  words,
);
const markdown = fc.array(line, { maxLength: 40 }).map((lines) => lines.join('\n'));
const codeLine = fc.constantFrom('const a = 1;', '', '/*', '*/', "'a", '`', '"""', '# no', 'def f():', "''");
const code = fc
  .array(codeLine, { maxLength: 40 })
  .map((lines) => lines.flatMap((each) => [each, 'x', 'y(1)', '']).join('\n'));
const languages = ['ts', 'python', 'sql', 'sh', 'json', 'unknown'] as const;

const cuts: readonly (readonly [string, Cut, fc.Arbitrary<string>])[] = [
  ['blocks', cutBlocks, markdown],
  ...languages.map((language) => [language, (text: string) => cutCode(text, language), code] as const),
];

test.each(cuts)(
  '%s: joined they are the text; only the last one changes; grown they are what they would be cut at once',
  (_, cut, text) => {
    fc.assert(
      fc.property(text, fc.array(fc.nat(), { maxLength: 4 }), (whole, ends) => {
        const at = ends.map((end) => end % (whole.length + 1)).sort((a, b) => a - b);
        let grown: Grown | undefined;
        for (const end of [...at, whole.length]) {
          const next = grow(cut, whole.slice(0, end), grown);
          expect(next.pieces).toEqual(cut(whole.slice(0, end)));
          expect(next.pieces.join('')).toBe(whole.slice(0, end));
          const settled = grown?.pieces.slice(0, -1) ?? [];
          expect(next.pieces.slice(0, settled.length)).toEqual(settled);
          grown = next;
        }
      }),
      { numRuns: 300 },
    );
  },
);

test('a text that does not go on from the one before is cut anew', () => {
  const before = grow(cutBlocks, 'One.\n\nTwo.');
  expect(grow(cutBlocks, 'Two.\n\nOne.', before).pieces).toEqual(['Two.\n\n', 'One.']);
});

test('a long list is cut before one of its own items, never before one of another, and goes on', () => {
  const items = Array.from({ length: 20 }, (_, index) => `${index + 1}. ${words}\n   - nested\n`);
  const blocks = cutBlocks(items.join(''));
  expect(blocks.length).toBeGreaterThan(3);
  for (const [index, block] of blocks.entries()) {
    expect(block).toMatch(/^\d+\. /);
    expect(goesOn(block, blocks[index - 1])).toBe(index > 0);
  }
  expect(goesOn('- a', '* a')).toBe(false);
  expect(goesOn('text', 'text')).toBe(false);
});

const lead = fc.constantFrom('Here they are:', 'a | b', '> quoted', '# heading', '| a |', '|---|');
const listLine = fc.constantFrom('1. one', '1. one', '2. two', '  - nested', '    more', 'lazily', '');
const led = fc
  .tuple(
    fc.array(lead, { minLength: 1, maxLength: 3 }),
    fc.array(listLine, { maxLength: 9 }),
    fc.constantFrom('$1.', '-', '*', '+'),
  )
  .map(([leads, lines, marker]) =>
    [...leads, ...['1. one', ...lines].map((each) => each.replace(/^(\d)\./, marker))].join('\n'),
  );

test('a list behind a line is a block by itself; blocks are drawn as the whole is', () => {
  const drawn = (text: string) =>
    renderToStaticMarkup(createElement(Markdown, { remarkPlugins: [remarkGfm] }, text)).replaceAll('\n', '');
  fc.assert(
    fc.property(led, (whole) => {
      expect(cutBlocks(whole).map(drawn).join('')).toBe(drawn(whole));
    }),
    { examples: [['text\n  - nested\n1. one\n\n1. one'], ['- a\n2. lazy\n\n- b'], ['- a\n* b\n\n* c']] },
  );
  expect(cutBlocks('Here they are:\n- one\n- two\n')).toEqual(['Here they are:\n', '- one\n- two\n']);
  expect(cutBlocks(`Here they are:\n${`- ${words}\n`.repeat(20)}`).length).toBeGreaterThan(3);
});

test('a list that does not count, and code in a list, are not cut', () => {
  expect(cutBlocks(`1. ${words}\n`.repeat(20))).toHaveLength(1);
  const list = `- ${words}\n\n  \`\`\`\n${`- ${words}\n`.repeat(20)}  \`\`\`\n`;
  expect(cutBlocks(list)[0]).toContain('```');
});

test('a long table is cut between rows; each part has its head, and the addresses behind it', () => {
  const head = '| a | b |\n|---|:-:|\n';
  const row = (index: number) => `| ${index} | see [it][1] ${words}|\n`;
  const table = head + Array.from({ length: 20 }, (_, index) => row(index)).join('');
  const parts = cutTable(`${table}\n[1]: /a\n`) ?? [];
  expect(parts.length).toBeGreaterThan(3);
  for (const part of parts) {
    expect(part.startsWith(head)).toBe(true);
    expect(part.endsWith('\n[1]: /a\n')).toBe(true);
  }
  const rows = parts.flatMap((part) => part.split('\n').filter((line) => /^\| \d/.test(line)));
  expect(rows.map((line) => `${line}\n`).join('')).toBe(table.slice(head.length));
  // While it grows, only the last part changes.
  const before = cutTable(table.slice(0, -100)) ?? [];
  expect(cutTable(table)?.slice(0, before.length - 1)).toEqual(before.slice(0, -1));
});

test.each([
  ['a short one', '| a |\n|---|\n| 1 |\n'],
  ['no rule yet', `| a |\n${`| ${words}|\n`.repeat(9)}`],
  ['another number of cells', `| a | b |\n|---|\n${`| ${words}|\n`.repeat(9)}`],
  ['something else behind it', `| a |\n|---|\n${`| ${words}|\n`.repeat(9)}> quote\n`],
])('%s is not cut', (_, block) => {
  expect(cutTable(block)).toBeUndefined();
});

/** What stands in a paragraph. */
const ordinary = fc.constantFrom(
  'Words of a sentence.',
  '**bold words**',
  'a *stressed word* here',
  '***both of them***',
  '`code with spaces`',
  '``two ` ticks``',
  '[a link](/x "and its title")',
  'cited.\u00a0[1](#cite-1)',
  'a snake_case name',
  '5 * 3 _ 2',
  '(in brackets, and *stressed*)',
  '~~gone now~~',
  '1. - # > |',
  'https://example.com/a_b_c',
  '<b>no HTML</b>',
);
/** What somebody began, or ended, and forgot, or not. */
const half = fc.constantFrom('**a', 'b**', '*a', 'b*', '`a', 'b`', '[a', 'b](/y)', '(a', 'b)', '__a', 'b__');
/** What stands between them: in one line, in lines that each go on as prose, and anything. */
const between = fc.constantFrom([' '], [' ', ' ', '\nand ', '  \nand '], [' ', ' ', ' ', '\n', '\t', ' \n ']);
const paragraph = fc
  .tuple(
    between,
    fc.array(fc.tuple(fc.oneof({ weight: 40, arbitrary: ordinary }, { weight: 1, arbitrary: half }), fc.nat()), {
      minLength: 60,
      maxLength: 200,
    }),
  )
  .map(([spaces, parts]) => `Beginning${parts.map(([part, at]) => spaces[at % spaces.length] + part).join('')}`);

// Each piece is drawn by React, a hundred times over: much work for a machine that has other work.
const patience = { timeout: 240_000 };

test(
  'a long paragraph in pieces is drawn as the whole is, and while it grows only the last piece changes',
  patience,
  () => {
    const drawn = (text: string) =>
      renderToStaticMarkup(createElement(Markdown, { remarkPlugins: [remarkGfm] }, text))
        .replace(/^<p>|<\/p>$/g, '')
        .replaceAll('\n', ' ');
    let cut = 0;
    let cutLines = 0;
    fc.assert(
      fc.property(paragraph, fc.nat(), (whole, seed) => {
        const pieces = cutParagraph(whole) ?? [whole];
        expect(pieces.join(' ').replaceAll('\n', ' ')).toBe(whole.trimEnd().replaceAll('\n', ' '));
        expect(pieces.map(drawn).join(' ')).toBe(drawn(whole));
        // A line that may begin something else makes another block of it.
        if (pieces.length === 1 && whole.includes('\n')) return;
        const before = cutParagraph(whole.slice(0, seed % whole.length)) ?? [];
        expect(pieces.slice(0, Math.max(0, before.length - 1))).toEqual(before.slice(0, -1));
        cut += whole.includes('\n') ? 0 : pieces.length - 1;
        cutLines += whole.includes('\n') ? pieces.length - 1 : 0;
      }),
      { examples: [' ', '\nand '].map((space) => [`Beginning${`${space}word`.repeat(600)}`, 2_000]) },
    );
    expect(cut).toBeGreaterThan(0);
    expect(cutLines).toBeGreaterThan(0);
  },
);

test.each([
  ['a short one', 'A few words.'],
  ['one with a line that may be a rule or a list', `A ${words}\n`.repeat(9).concat('- b')],
  ['one that a heading ends', `A ${words}\n`.repeat(9).concat('---')],
  ['one with a line that may be a list', `A ${words}\n`.repeat(9).concat('1. b')],
  ['one with a table', `A ${words}\n`.repeat(9).concat('a | b\n-|-\nc | d')],
  ['a list', `- ${words.repeat(9)}`],
  ['a numbered list', `1. ${words.repeat(9)}`],
  ['a heading', `# ${words.repeat(9)}`],
  ['one with escapes', `A \\* ${words.repeat(9)}`],
])('%s is no paragraph to be cut', (_, block) => {
  expect(cutParagraph(block)).toBeUndefined();
});

test.each(languages)('pieces of %s are coloured as the whole is', (language) => {
  fc.assert(
    fc.property(code, (whole) => {
      const coloured = (text: string) =>
        highlight(text, language).flatMap(({ kind, text: part }) => [...part].map((letter) => `${kind} ${letter}`));
      expect(cutCode(whole, language).flatMap(coloured)).toEqual(coloured(whole));
    }),
  );
});

test('a piece ends with a line that has something on it: its end is a line break by itself', () => {
  const pieces = cutCode('a\n\n'.repeat(200), 'ts');
  expect(pieces.length).toBeGreaterThan(3);
  for (const piece of pieces.slice(0, -1)) expect(piece).toMatch(/[^\n]\n$/);
});

test.each([
  ['```ts\nconst a = 1;\n```\n\n', { language: 'ts', code: 'const a = 1;' }],
  ['```\na\n\n```', { language: '', code: 'a\n' }],
  ['~~~py\na\n```\n~~~~\n', { language: 'py', code: 'a\n```' }],
  ['````md\n```\n````', { language: 'md', code: '```' }],
  ['```ts\nhalf\n``', { language: 'ts', code: 'half\n``' }],
  ['```ts\n', { language: 'ts', code: '' }],
  ['```ts', undefined],
  ['```ts title="a"\na\n```', undefined],
  ['  ```ts\n  a\n  ```', undefined],
  ['text', undefined],
])('%j is the code %j', (block, fence) => {
  expect(fenceOf(block)).toEqual(fence);
});
