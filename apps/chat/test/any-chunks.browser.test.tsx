/** However an answer was cut into deltas, the page shows what it shows of the whole. */
import fc from 'fast-check';
import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AnswerText } from '../web/markdown/answer-text.tsx';
import { cutBlocks } from '../web/markdown/cut-blocks.ts';
import { type Grown, grow } from '../web/markdown/grow.ts';
import '../web/styles/index.css';

let column: HTMLElement;
beforeEach(() => {
  column = document.body.appendChild(document.createElement('div'));
  column.style.width = '600px';
});
afterEach(() => column.remove());

/** Writes an answer, one text after the other, and ends it. Returns its elements. */
const write = (texts: readonly string[], check?: (box: HTMLElement) => void): HTMLElement => {
  const box = column.appendChild(document.createElement('div'));
  const root = createRoot(box);
  let grown: Grown | undefined;
  const show = (text: string, streaming: boolean) => {
    grown = grow(cutBlocks, text, grown);
    const { pieces } = grown;
    flushSync(() =>
      root.render(<AnswerText id="a" blocks={pieces} hidden={0} streaming={streaming} stopped={false} />),
    );
    check?.(box);
  };
  for (const text of texts) show(text, true);
  show(texts.at(-1) ?? '', false);
  const copy = box.cloneNode(true) as HTMLElement;
  root.unmount();
  box.remove();
  // When the browser has seen it.
  for (const section of copy.querySelectorAll('[data-rest]')) section.removeAttribute('data-rest');
  return copy;
};

const words = 'Some words with **bold**, `code` and [a link](/x), which go on for a while. ';
const row = (index: number) =>
  `| ${index} | ${words.slice(0, 20 + ((index * 7) % 50))} | \`code${'x'.repeat(index % 9)}\` |\n`;
const table = (rows: number) =>
  `| n | words | code |\n|--:|---|---|\n${Array.from({ length: rows }, (_, i) => row(i)).join('')}`;
const part = fc.oneof(
  fc.nat(60).map(table),
  fc.nat(60).map((count) => `A${words.repeat(count)}`),
  fc.nat(60).map((count) => `A line that is broken.\n${'and **so** is this\n'.repeat(count)}`),
  fc.nat(40).map((count) => `Here they are:\n${`- ${words}\n`.repeat(count)}`),
  fc.nat(40).map((count) => `\`\`\`ts\n${'const a = 1;\n'.repeat(count)}\`\`\``),
  fc.constantFrom(
    '# Heading',
    '> quoted\n> twice',
    'A title\n---',
    '- - -',
    '1. one\n2. two',
    'See[^1].\n\n[^1]: A note.',
  ),
);
const answer = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('\n\n'));

test('what is shown at the end does not depend on the deltas', () => {
  fc.assert(
    fc.property(answer, fc.array(fc.nat(), { maxLength: 12 }), (whole, ends) => {
      const at = ends.map((end) => end % whole.length).sort((a, b) => a - b);
      const written = write([...at.map((end) => whole.slice(0, end)), whole]);
      expect(written.innerHTML).toBe(write([whole]).innerHTML);
    }),
    { numRuns: 60 },
  );
});

test('a long table has the columns that its first rows need, before and behind its end, and fits a narrower page', async () => {
  const columnsOf = (box: Element) => {
    const [first] = box.querySelectorAll('tr');
    return [...(first?.cells ?? [])].map((cell) => Math.round(cell.getBoundingClientRect().width));
  };
  const start = table(30);
  const seen: number[][] = [];
  let alone: number[] = [];
  const late = `| 30 | ${'long'.repeat(30)} | \`${'code'.repeat(30)}\` |\n`;
  write([table(10), start, `${start}${late}`], (box) => seen.push(columnsOf(box)));
  write([table(10)], (box) => {
    alone = columnsOf(box);
  });
  expect(alone).toHaveLength(3);
  expect(seen.slice(1)).toEqual(Array(3).fill(seen[1]));
  expect(Math.abs((seen[1]?.[0] ?? 0) - (alone[0] ?? 0))).toBeLessThan(20);

  const box = column.appendChild(document.createElement('div'));
  const root = createRoot(box);
  flushSync(() => root.render(<AnswerText id="a" blocks={cutBlocks(start)} hidden={0} streaming stopped={false} />));
  const wide = columnsOf(box);
  column.style.width = '400px';
  await expect.poll(() => columnsOf(box).reduce((sum, each) => sum + each)).toBeLessThan(410);
  column.style.width = '600px';
  await expect.poll(() => columnsOf(box)).toEqual(wide);
  root.unmount();
});
