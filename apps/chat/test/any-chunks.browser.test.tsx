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
const answer = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('\n\n'));

test('what is shown at the end does not depend on the deltas', () => {
  fc.assert(
    fc.property(answer, fc.array(fc.nat(), { maxLength: 4 }), (whole, ends) => {
      const at = ends.map((end) => end % whole.length).sort((a, b) => a - b);
      const written = write([...at.map((end) => whole.slice(0, end)), whole]);
      expect(written.innerHTML).toBe(write([whole]).innerHTML);
    }),
    { numRuns: 15 },
  );
}, 120_000);

test('a long table has the columns that a browser would give it, while it is written too, on any page', async () => {
  const columnsOf = (box: Element) => {
    const [first] = box.querySelectorAll('tr');
    return [...(first?.cells ?? [])].map((cell) => cell.getBoundingClientRect().width);
  };
  /** How far they are from those of `table-layout: auto`. */
  const missBy = (box: Element) => {
    const found = columnsOf(box);
    const whole = box.querySelector('table') as HTMLTableElement;
    const widths = whole.querySelector('colgroup');
    widths?.remove();
    whole.style.tableLayout = 'auto';
    const auto = columnsOf(box);
    whole.style.tableLayout = '';
    if (widths) whole.prepend(widths);
    return Math.max(...auto.map((width, index) => Math.abs(width - (found[index] ?? 0))));
  };
  const rows = [table(60), table(150), `${table(150)}| 150 | a ${'word'.repeat(9)} | \`${'code'.repeat(9)}\` |\n`];
  for (const width of [400, 600, 900]) {
    column.style.width = `${width}px`;
    write(rows, (box) => {
      expect(getComputedStyle(box.querySelector('table') as Element).tableLayout).toBe('fixed');
      expect(missBy(box)).toBeLessThan(width / 50);
    });
  }
  const box = column.appendChild(document.createElement('div'));
  const root = createRoot(box);
  flushSync(() =>
    root.render(<AnswerText id="a" blocks={cutBlocks(table(60))} hidden={0} streaming stopped={false} />),
  );
  column.style.width = '500px';
  await expect.poll(() => columnsOf(box).reduce((sum, each) => sum + each)).toBeLessThan(501);
  expect(missBy(box)).toBeLessThan(10);
  root.unmount();
});
