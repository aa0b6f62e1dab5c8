/** What a delta of a long answer costs: which parts render again, and which the browser looks at. */
import { flushSync } from 'react-dom';
import { createRoot, type Root } from 'react-dom/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { AnswerText } from '../web/markdown/answer-text.tsx';
import { cutBlocks } from '../web/markdown/cut-blocks.ts';
import '../web/styles/index.css';

const { rendered } = vi.hoisted(() => ({ rendered: new Map<string, number>() }));
vi.mock('react-markdown', () => ({
  default: ({ children }: { children: string }) => {
    rendered.set(children, (rendered.get(children) ?? 0) + 1);
    // A paragraph has no place in a table.
    return children.startsWith('|') ? null : <p>{children}</p>;
  },
}));

let root: Root;
let scroller: HTMLElement;
const show = (text: string) =>
  flushSync(() => root.render(<AnswerText id="a" blocks={cutBlocks(text)} hidden={0} streaming stopped={false} />));

beforeEach(() => {
  rendered.clear();
  scroller = document.body.appendChild(document.createElement('div'));
  scroller.style.cssText = 'height: 400px; overflow-y: auto';
  root = createRoot(scroller);
});
afterEach(() => {
  root.unmount();
  scroller.remove();
});

const paragraphs = (count: number) =>
  Array.from({ length: count }, (_, index) => `Paragraph ${index}. ${'Words. '.repeat(20)}\n\n`).join('');

test('a delta renders the block that it belongs to, in a long answer as in a short one', async () => {
  for (const count of [10, 500]) {
    show(paragraphs(count));
    rendered.clear();
    show(`${paragraphs(count)}A del`);
    show(`${paragraphs(count)}A delta`);
    expect([...rendered.keys()]).toEqual(['A del', 'A delta']);
  }
});

test('a delta of code, a long list, a table or a long paragraph renders its last piece', async () => {
  const code = `\`\`\`ts\n${'const a = 1;\n'.repeat(500)}`;
  show(code);
  const lines = [...scroller.querySelectorAll('.lines')];
  const observer = new MutationObserver(() => {});
  observer.observe(scroller, { subtree: true, childList: true, characterData: true });
  show(`${code}const b`);
  const changed = observer.takeRecords().map(({ target }) => target);
  observer.disconnect();
  expect(lines.length).toBeGreaterThan(10);
  expect(changed.length).toBeGreaterThan(0);
  for (const node of changed) expect(lines.at(-1)?.contains(node)).toBe(true);

  // What is selected and copied is the code.
  // biome-ignore lint/performance/useDomNodeTextContent: it is the lines that count
  expect(scroller.querySelector('code')?.innerText).toBe(`${code.slice(6)}const b`);

  const list = `- ${'Words. '.repeat(20)}\n`.repeat(100);
  show(list);
  rendered.clear();
  show(`${list}- more`);
  expect([...rendered.keys()].join('').length).toBeLessThan(2_000);

  const table = `| a | b |\n|---|---|\n${`| 1 | ${'words '.repeat(20)}|\n`.repeat(100)}`;
  show(table);
  rendered.clear();
  show(`${table}| 2 | more |`);
  expect([...rendered.keys()].join('').length).toBeLessThan(2_000);

  const paragraph = `A paragraph. ${'Words. '.repeat(3_000)}`;
  show(paragraph);
  rendered.clear();
  show(`${paragraph}More.`);
  expect([...rendered.keys()].join('').length).toBeLessThan(2_000);
  expect(scroller.textContent?.replaceAll(/\s+/g, ' ')).toBe(`${paragraph}More.`);
});

test('what is far from the screen is skipped, and takes the room that it took', async () => {
  show(paragraphs(200));
  const sections = () => [...scroller.querySelectorAll('.section')];
  const height = scroller.scrollHeight;
  await expect
    .poll(() => sections().filter((section) => section.matches('[data-rest]')).length)
    .toBe(sections().length - 1);
  const isSkipped = (section: Element | undefined) =>
    section?.firstElementChild?.checkVisibility({ contentVisibilityAuto: true }) === false;
  await expect.poll(() => isSkipped(sections().at(-2))).toBe(true);
  for (let top = 0; top < height; top += 1_000) {
    scroller.scrollTop = top;
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    expect(scroller.scrollHeight).toBe(height);
  }
  expect(isSkipped(sections()[0])).toBe(true);
  expect(isSkipped(sections().at(-1))).toBe(false);
});
