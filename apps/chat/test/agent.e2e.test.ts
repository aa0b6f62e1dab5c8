/** What the agent can do beside text, in a real browser: its work, a tool of the page, a widget, a question back. */
import type { Browser } from 'playwright';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type DemoPage, launchBrowser, openPage } from './e2e/open-page.ts';
import { type Demo, startDemo } from './e2e/start-demo.ts';

const QUESTION = 'What happens when a client disconnects?';

let browser: Browser;
let demo: Demo;
let slow: Demo;
let chat: DemoPage;

beforeAll(async () => {
  [browser, demo, slow] = await Promise.all([
    launchBrowser(),
    startDemo({ CHAT_PACE: '400' }),
    // Slow enough that a thought goes on for seconds, so that a busy machine sees it go on.
    startDemo({ CHAT_PACE: '2' }),
  ]);
});
afterAll(async () => {
  await browser?.close();
  await Promise.all([demo?.stop(), slow?.stop()]);
});
beforeEach(async () => {
  chat = await openPage(browser, demo.url);
});
afterEach(async () => {
  expect(chat.complaints).toEqual([]);
  await chat.page.context().close();
});

const background = () => chat.page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
const column = () => chat.page.locator('.column');

test('the work is open while it goes on, one line afterwards, and can be opened again, also after a reload', async () => {
  const page = await openPage(browser, slow.url);
  await page.ask(QUESTION);
  const steps = page.page.locator('.workflow li');
  await steps.getByText('The words that tell').waitFor();
  expect(await page.page.locator('.workflow').getAttribute('open')).not.toBeNull();
  // A thought streams.
  const length = async () => ((await steps.first().textContent()) ?? '').length;
  const before = await length();
  await expect.poll(length).toBeGreaterThan(before);
  await page.page.context().close();

  await chat.ask(QUESTION);
  await chat.finished(1);
  const check = async () => {
    const workflow = chat.page.locator('.workflow');
    expect(await workflow.getAttribute('open')).toBeNull();
    expect(await workflow.locator('summary').textContent()).toMatch(/^Thought for (?:a|\d).* · 4 steps$/);
    await workflow.locator('summary').click();
    await workflow.getByText('Searched', { exact: false }).first().waitFor();
    expect(await workflow.getByText('docs/disconnects.md').count()).toBeGreaterThan(0);
  };
  await check();
  await chat.page.reload();
  await chat.finished(1);
  await check();
});

test('a reload while the agent thinks goes on with the thought', async () => {
  const page = await openPage(browser, slow.url);
  await page.ask(QUESTION);
  const first = page.page.locator('.workflow li').first();
  await first.getByText('The words').waitFor();
  await page.page.reload();
  await first.getByText('The words that tell most here: client, disconnects.', { exact: false }).waitFor();
  expect(await page.page.getByRole('button', { name: 'Stop' }).count()).toBe(1);
  await page.page.context().close();
});

test('a tool of the page: the theme changes, the assistant hears of it, and a reload keeps both', async () => {
  const light = await background();
  await chat.ask('Switch to the dark theme');
  await chat.finished(1);
  const dark = await background();
  expect(dark).not.toBe(light);
  expect(await chat.text()).toContain('dark now');
  expect(await column().getByTestId('tool-note').textContent()).toBe('This page changed to the dark theme');
  await chat.page.reload();
  await chat.finished(1);
  expect(await background()).toBe(dark);
  expect(await column().getByTestId('tool-note').textContent()).toBe('This page changed to the dark theme');
});

test('a widget: its rows can be clicked, each click is answered, and a reload shows all of it', async () => {
  await chat.ask('Which packages are there?');
  await chat.finished(1);
  const rows = chat.page.getByRole('region', { name: 'Widget' }).getByRole('button');
  expect(await rows.count()).toBe(5);
  expect(await chat.text()).toContain('5 packages');
  await rows.filter({ hasText: '@chatkit/stream' }).click();
  await chat.finished(2);
  expect(await chat.text()).toContain('Combinators for token streams');
  await rows.filter({ hasText: '@chatkit/react' }).click();
  await chat.finished(3);
  expect(await chat.text()).toContain('Hooks over the client');
  await chat.page.reload();
  await chat.finished(3);
  expect(await rows.count()).toBe(5);
  // What was clicked is for the model, not for the page.
  expect(await column().textContent()).not.toContain('The user clicked');
});

test('whoever acts from the keyboard keeps their place, and sees what comes of it', async () => {
  await chat.page.setViewportSize({ width: 700, height: 420 });
  const isFocused = (selector: string) =>
    chat.page.evaluate((each) => document.activeElement?.matches(each), selector).then((matches) => matches === true);
  const fromEnd = () =>
    chat.page.locator('.scroller').evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight);
  await chat.ask('Which packages are there?');
  await chat.finished(1);
  await chat.page.locator('.w-row').first().focus();
  await expect.poll(fromEnd).toBeGreaterThan(48);
  await chat.page.keyboard.press('Enter');
  await chat.finished(2);
  await expect.poll(fromEnd).toBeLessThan(48);
  expect(await isFocused('li:first-child > .w-row')).toBe(true);

  await chat.ask('Forget everything');
  await chat.page.getByRole('button', { name: 'Reject' }).focus();
  await chat.page.keyboard.press('Enter');
  await chat.finished(3);
  expect(await isFocused('.approval')).toBe(true);
});

test('what needs approval waits for it, also over a reload; approved, the messages go', async () => {
  await chat.ask(QUESTION);
  await chat.finished(1);
  await chat.ask('Forget everything');
  const approve = chat.page.getByRole('button', { name: 'Approve' });
  await approve.waitFor();
  expect(await chat.answers.count()).toBe(1);
  await chat.page.reload();
  await approve.click();
  await expect.poll(() => chat.text()).toContain('2 messages are gone');
  const questions = () => chat.page.getByRole('article', { name: 'You' }).allTextContents();
  expect(await questions()).toEqual(['Forget everything']);
  await chat.page.reload();
  await chat.finished(1);
  expect(await questions()).toEqual(['Forget everything']);
  await column().getByText('You said: Approve').waitFor();
});

test('rejected, they stay', async () => {
  await chat.ask('Hello');
  await chat.finished(1);
  await chat.ask('Forget everything');
  await chat.page.getByRole('button', { name: 'Reject' }).click();
  await chat.finished(2);
  expect(await chat.text()).toContain('everything stays');
  expect(await chat.page.getByRole('article', { name: 'You' }).count()).toBe(2);
});
