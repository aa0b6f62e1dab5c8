import axe from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser, openPage } from './e2e/open-page.ts';
import { type Demo, startDemo } from './e2e/start-demo.ts';

let browser: Browser;
let demo: Demo;

beforeAll(async () => {
  [browser, demo] = await Promise.all([launchBrowser(), startDemo({ CHAT_PACE: '2000' })]);
});
afterAll(async () => {
  await browser?.close();
  await demo?.stop();
});

interface Violation {
  id: string;
  nodes: { html: string; failureSummary?: string }[];
}

/** The rules that the page breaks, and where. */
const violations = async (page: Page): Promise<string[]> => {
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } };
    return (await axe.run()).violations;
  });
  return found.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary ?? ''}`));
};

/** Notes what the page has a screen reader say from now on; the returned function tells it. */
const listen = async (page: Page): Promise<() => Promise<string[]>> => {
  await page.evaluate(() => {
    const said: string[] = [];
    const region = document.querySelector('[data-testid="announcer"]') as Element;
    new MutationObserver(() => said.push(region.textContent ?? '')).observe(region, {
      childList: true,
      characterData: true,
      subtree: true,
    });
    Object.assign(window, { said });
  });
  return () => page.evaluate(() => (window as unknown as { said: string[] }).said);
};

const screens: readonly (readonly [string, BrowserContextOptions])[] = [
  ['light', { colorScheme: 'light' }],
  ['dark', { colorScheme: 'dark' }],
  ['a phone', { viewport: { width: 375, height: 667 }, isMobile: true, hasTouch: true }],
  ['a dark phone', { viewport: { width: 375, height: 667 }, isMobile: true, hasTouch: true, colorScheme: 'dark' }],
];

test.each(screens)('no violations in %s: empty, with answers, with the menu', async (_, options) => {
  // Without animations the colours that are looked at are the final ones.
  const chat = await openPage(browser, demo.url, { ...options, reducedMotion: 'reduce' });
  expect(await violations(chat.page)).toEqual([]);
  const questions = [
    'Show me a server in a few lines',
    'Which packages are there?',
    'What happens when a client disconnects?',
  ];
  for (const [index, question] of questions.entries()) {
    await chat.ask(question);
    await chat.finished(index + 1);
  }
  await chat.page.locator('.workflow summary').first().click();
  await chat.page.getByLabel('Files', { exact: true }).setInputFiles([
    { name: 'a.md', mimeType: 'text/markdown', buffer: Buffer.from('# A') },
    { name: 'a.zip', mimeType: 'application/zip', buffer: Buffer.from('zip') },
  ]);
  await chat.page.locator('.files [data-state="ready"]').waitFor();
  await chat.page.locator('.files [data-state="refused"]').waitFor();
  expect(await violations(chat.page)).toEqual([]);
  for (const name of ['a.md', 'a.zip']) await chat.page.getByRole('button', { name: `Remove ${name}` }).click();
  await chat.page
    .getByRole('button', { name: /^Edit message/ })
    .first()
    .click();
  expect(await violations(chat.page)).toEqual([]);
  await chat.page.keyboard.press('Escape');
  await chat.ask('Forget everything');
  await chat.page.getByRole('button', { name: 'Approve' }).waitFor();
  expect(await violations(chat.page)).toEqual([]);
  // With all kinds of lines: what was asked, came, broke and was refused.
  await chat.page.getByRole('button', { name: 'Wire', exact: true }).click();
  await chat.page.getByRole('button', { name: 'Pull the plug' }).click();
  await chat.ask('Is anybody there?');
  await chat.page
    .getByText(/: no network$/)
    .first()
    .waitFor();
  expect(await violations(chat.page)).toEqual([]);
  await chat.page.getByRole('button', { name: 'Close the wire' }).click();
  if (options.isMobile) {
    await chat.page.getByRole('button', { name: 'Open the menu' }).click();
    await expect.poll(() => chat.page.evaluate(() => document.activeElement?.textContent)).toBe('New conversation');
    expect(await violations(chat.page)).toEqual([]);
    await chat.page.keyboard.press('Escape');
    await expect
      .poll(() => chat.page.evaluate(() => document.activeElement?.getAttribute('aria-label')))
      .toBe('Open the menu');
  }
  await chat.page.context().close();
});

test('an answer in the same words as the one before is announced as well', async () => {
  const chat = await openPage(browser, demo.url);
  const said = await listen(chat.page);
  const answers = async () => (await said()).filter((text) => text.startsWith('Answer: ')).length;
  for (const count of [1, 2]) {
    await chat.ask('Thanks');
    await chat.finished(count);
    await expect.poll(answers).toBe(count);
  }
  await chat.page.context().close();
});

test('a finished answer is announced once, and its growth is not', async () => {
  const chat = await openPage(browser, demo.url);
  const said = await listen(chat.page);
  await chat.ask('What happens when a client disconnects?');
  await chat.finished(1);
  await expect.poll(async () => (await said()).at(-1)).toMatch(/^Answer: /);
  const texts = (await said()).filter((text, index, all) => text !== all[index - 1]);
  expect(texts[0]).toMatch(/^Searching \d+ passages…$/);
  expect(texts.filter((text) => text.startsWith('Answer: '))).toHaveLength(1);
  await chat.page.context().close();
});

test('the tab key reaches everything in the order of the page', async () => {
  const chat = await openPage(browser, demo.url);
  const focusedName = () =>
    chat.page.evaluate(() => {
      const focused = document.activeElement;
      return focused?.id || focused?.getAttribute('aria-label') || focused?.textContent || '';
    });
  await expect.poll(focusedName).toBe('question');
  const names: string[] = [];
  // From the field, which is the last, around to the field again.
  do {
    await chat.page.keyboard.press('Tab');
    names.push(await focusedName());
  } while (names.at(-1) !== 'question' && names.length < 20);
  const order = names.slice(names.indexOf('Skip to the question field'));
  expect(order.slice(0, 4)).toEqual(['Skip to the question field', 'New conversation', 'Wire', 'Use the dark theme']);
  expect(order.at(-1)).toBe('question');
  // The seven suggestions stand between, and the button for files.
  expect(order).toHaveLength(13);
  await chat.page.context().close();
});

test('the ring around what has the focus is whole, also in the list of conversations', async () => {
  const chat = await openPage(browser, demo.url);
  await chat.ask('Which packages are there?');
  await chat.finished(1);
  await chat.page.getByRole('button', { name: 'New conversation' }).focus();
  await chat.page.keyboard.press('Tab');
  const ring = await chat.page.evaluate(() => {
    const focused = document.activeElement as HTMLElement;
    const { outlineOffset, outlineWidth } = getComputedStyle(focused);
    const reach = Number.parseFloat(outlineOffset) + Number.parseFloat(outlineWidth);
    const list = document.querySelector('.threads ul')?.getBoundingClientRect();
    const { top, left } = focused.getBoundingClientRect();
    return {
      name: focused.textContent,
      isWhole: list !== undefined && top - reach >= list.top && left - reach >= list.left,
    };
  });
  expect(ring).toEqual({ name: 'Which packages are there', isWhole: true });
  await chat.page.context().close();
});
