/** A real browser on the demo's page, and what the tests look at in it. */
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Locator,
  type Page,
} from 'playwright';
import { expect } from 'vitest';
import { findChromium } from '../../../../scripts/chromium.mjs';

export const launchBrowser = async (): Promise<Browser> => {
  const found = await findChromium();
  if (found === undefined) throw new Error('There is no Chromium: set CHROMIUM to one.');
  return chromium.launch(found);
};

export interface DemoPage {
  readonly page: Page;
  readonly answers: Locator;
  readonly field: Locator;
  ask(question: string): Promise<void>;
  /** The last answer's text so far; empty when there is none. */
  text(): Promise<string>;
  /** Resolves when the last answer has at least this many characters. */
  grownTo(chars: number): Promise<void>;
  /** Resolves when the last answer is this text, but for blanks at its end: all of it has come. */
  shows(text: string): Promise<void>;
  /** Resolves when nothing is being written any more and there are `count` answers. */
  finished(count: number): Promise<void>;
  /** What the page complained about: errors in the console, exceptions. */
  readonly complaints: readonly string[];
}

export const openPage = async (
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<DemoPage> => {
  const context = await browser.newContext({ viewport: { width: 1_100, height: 720 }, ...options });
  return openTab(context, url);
};

/** A page beside others of the same visitor. */
export const openTab = async (context: BrowserContext, url: string): Promise<DemoPage> => {
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  await page.goto(url);
  const field = page.getByLabel('Your question');
  const answers = page.getByRole('article', { name: 'Assistant' });
  const text = () => page.evaluate(() => [...document.querySelectorAll('.answer .prose')].at(-1)?.textContent ?? '');
  return {
    page,
    answers,
    field,
    complaints,
    text,
    async ask(question) {
      await field.fill(question);
      await field.press('Enter');
    },
    async grownTo(chars) {
      await page.waitForFunction(
        (length) => ([...document.querySelectorAll('.answer .prose')].at(-1)?.textContent ?? '').length >= length,
        chars,
        { polling: 'raf' },
      );
    },
    async shows(whole) {
      await expect.poll(text).toBe(whole.trimEnd());
    },
    async finished(count) {
      await expect.poll(() => answers.count()).toBe(count);
      await page
        .getByRole('button', { name: 'Copy answer' })
        .nth(count - 1)
        .waitFor();
    },
  };
};

/** One state of the page, as a person would see it. */
export interface Seen {
  readonly progress: string;
  readonly chars: number;
}

/** Notes every change of the progress line and of the last answer from now on; the returned function tells them. */
export const watch = async (page: Page): Promise<() => Promise<Seen[]>> => {
  await page.evaluate(() => {
    const seen: Seen[] = [];
    const look = () => {
      const progress = document.querySelector('[data-testid="progress"]')?.textContent ?? '';
      const chars = ([...document.querySelectorAll('.answer .prose')].at(-1)?.textContent ?? '').length;
      const last = seen.at(-1);
      if (last?.progress !== progress || last.chars !== chars) seen.push({ progress, chars });
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
    Object.assign(window, { seen });
  });
  return () => page.evaluate(() => (window as unknown as { seen: Seen[] }).seen);
};
