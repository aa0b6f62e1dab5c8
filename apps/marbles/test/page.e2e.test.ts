/** The page in a real browser, from the file as it is built. */
import axe from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findChromium } from '../../../scripts/chromium.mjs';

let browser: Browser;
beforeAll(async () => {
  const found = await findChromium();
  if (found === undefined) throw new Error('There is no Chromium: set CHROMIUM to one.');
  browser = await chromium.launch(found);
});
afterAll(async () => {
  await browser?.close();
});

const complaints: string[] = [];

async function open(name: string, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await (await browser.newContext({ viewport: { width: 1000, height: 900 }, ...options })).newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  await page.goto(new URL(`../index.html#/${name}`, import.meta.url).href);
  return page;
}

const words = (page: Page) => page.locator('#words').textContent();
const marble = (page: Page, name: string) => page.getByRole('slider', { name, exact: true });

test('dragging a marble changes what comes out', async () => {
  const page = await open('merge');
  await expect.poll(() => words(page)).toMatch(/^1 at 60, x at 180, 2 at 300, y at 420/);
  const box = await marble(page, 'Item 2 of line a').boundingBox();
  if (box === null) throw new Error('The marble is not to be seen');
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2 + 120, box.y + 60, { steps: 5 });
  await page.mouse.up();
  await expect.poll(() => words(page)).toMatch(/^1 at 60, x at 180, y at 420, 2 at \d+, /);
  expect(Number(await marble(page, 'Item 2 of line a').getAttribute('aria-valuenow'))).toBeGreaterThan(450);
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('a finger drags a marble, too, and does not scroll the page with it', async () => {
  const page = await open('merge', { viewport: { width: 375, height: 500 }, isMobile: true, hasTouch: true });
  const item = marble(page, 'Item 2 of line a');
  await item.scrollIntoViewIfNeeded();
  const box = await item.boundingBox();
  if (box === null) throw new Error('The marble is not to be seen');
  const scrolled = await page.evaluate(() => scrollY);
  const finger = await page.context().newCDPSession(page);
  const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', ...by: number[]) =>
    finger.send('Input.dispatchTouchEvent', {
      type,
      touchPoints: by.map((far) => ({ x: box.x + 15 + far, y: box.y + 15 - far })),
    });
  await touch('touchStart', 0);
  for (let far = 10; far <= 80; far += 10) await touch('touchMove', far);
  await touch('touchEnd');
  await expect.poll(() => words(page)).toMatch(/^1 at 60, x at 180, y at 420, 3 at 540, 2 at \d+, /);
  expect(await page.evaluate(() => scrollY)).toBe(scrolled);
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('everything works from the keyboard: operators, marbles, ends, knobs', async () => {
  const page = await open('timeout');
  await expect.poll(() => words(page)).toMatch(/TimeoutError at 770$/);
  await marble(page, 'Item 4 of line a').focus();
  for (let press = 0; press < 3; press++) await page.keyboard.press('Shift+ArrowLeft');
  await expect.poll(() => words(page)).toMatch(/4 at 600, TimeoutError at 950$/);
  await marble(page, 'End of line a').focus();
  await page.keyboard.press('Home'); // as far as the last marble
  await expect.poll(() => words(page)).toMatch(/4 at 600, end at 600$/);
  await marble(page, 'Item 4 of line a').focus();
  await page.keyboard.press('Delete');
  await expect.poll(() => words(page)).toMatch(/3 at 420, end at 600$/);
  await page.getByRole('slider', { name: 'firstMs' }).focus();
  await page.keyboard.press('Home');
  await expect.poll(() => words(page)).toBe('TimeoutError at 10');
  expect(await page.locator('#code').textContent()).toContain('firstMs: 10');
  await page.getByRole('link', { name: 'map', exact: true }).focus();
  await page.keyboard.press('Enter');
  await expect.poll(() => words(page)).toMatch(/^10 at 80, 20 at 260/);
  await page.getByRole('checkbox', { name: 'line a fails at its end' }).check();
  await expect.poll(() => words(page)).toMatch(/50 at 860, Error at 960$/);
  await page.getByRole('button', { name: 'Reset' }).click();
  await expect.poll(() => words(page)).toMatch(/end at 960$/);
  expect(complaints).toEqual([]);
  await page.context().close();
});

interface Violation {
  id: string;
  nodes: { html: string }[];
}

test.each<[string, string, BrowserContextOptions]>([
  ['light', 'buffer', { colorScheme: 'light' }],
  ['dark', 'retry', { colorScheme: 'dark' }],
  ['a phone', 'smooth', { viewport: { width: 375, height: 667 }, isMobile: true, hasTouch: true }],
])('no violations in %s, and nothing wider than the screen', async (_, name, options) => {
  const page = await open(name, options);
  await expect.poll(() => words(page)).toMatch(/end at/);
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run(options: object): Promise<{ violations: Violation[] }> } };
    return (await axe.run({ preload: false })).violations;
  });
  expect(found.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  expect(complaints).toEqual([]);
  await page.context().close();
});
