/** The page in a real browser, on the real server. */
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { createFaultProxy } from '@chatkit/testing/node';
import type { Browser } from 'playwright';
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { type DemoPage, launchBrowser, openPage, watch } from './e2e/open-page.ts';
import { type Demo, startDemo } from './e2e/start-demo.ts';

const QUESTION = 'What happens when a client disconnects?';

let browser: Browser;
let demo: Demo;
let chat: DemoPage;

beforeAll(async () => {
  [browser, demo] = await Promise.all([launchBrowser(), startDemo()]);
});
afterAll(async () => {
  await browser?.close();
  await demo?.stop();
});
beforeEach(async () => {
  chat = await openPage(browser, demo.url);
});
afterEach(async () => {
  await chat.page.context().close();
});

const stoppedSoFar = () => demo.lines.filter((line) => line.startsWith('answer stopped')).length;

test('progress shows before the first token, and the text grows in many steps', async () => {
  const seen = await watch(chat.page);
  await chat.ask(QUESTION);
  await chat.finished(1);
  const states = await seen();
  const firstText = states.findIndex((state) => state.chars > 0);
  const before = states.slice(0, firstText).map((state) => state.progress);
  expect(before.some((text) => /^Searching \d+ passages…$/.test(text))).toBe(true);
  expect(before.some((text) => /^Found \d$/.test(text))).toBe(true);
  const lengths = states.slice(firstText).map((state) => state.chars);
  expect(new Set(lengths).size).toBeGreaterThanOrEqual(10);
  expect(states.at(-1)?.progress).toBe('');
  expect(chat.complaints).toEqual([]);
});

test('the address holds the conversation, with its title, and a reload shows it', async () => {
  await chat.ask(QUESTION);
  await chat.finished(1);
  expect(chat.page.url()).toMatch(/\/t\/thr_/);
  expect(await chat.page.title()).toContain('What happens when a client disconnects');
  const text = await chat.text();
  await chat.page.reload();
  await chat.finished(1);
  expect(await chat.text()).toBe(text);
  await chat.page.goBack();
  await expect.poll(() => chat.answers.count()).toBe(0);
  await chat.page.goForward();
  await chat.finished(1);
});

test('a stopped answer stays as it is; the generator ends; the partial answer is there after a reload', async () => {
  const stopped = stoppedSoFar();
  await chat.ask(QUESTION);
  await chat.grownTo(40);
  await chat.page.getByRole('button', { name: 'Stop' }).click();
  const marks = () => chat.page.locator('.column').getByText('You stopped this answer.').count();
  await expect.poll(marks).toBe(1);
  const frozen = await chat.text();
  await expect.poll(stoppedSoFar).toBe(stopped + 1);
  await chat.page.waitForTimeout(700);
  expect(await chat.text()).toBe(frozen);
  expect(await marks()).toBe(1);
  await chat.page.reload();
  await chat.finished(1);
  expect(await marks()).toBe(1);
  expect((await chat.text()).length).toBeGreaterThanOrEqual(40);
  expect(frozen.startsWith((await chat.text()).slice(0, 40))).toBe(true);
  await chat.ask('Hello');
  await chat.finished(2);
});

test('a reload in the middle of an answer goes on with it', async () => {
  await chat.ask(QUESTION);
  await chat.grownTo(80);
  const partial = (await chat.text()).slice(0, 60);
  await chat.page.reload();
  await chat.grownTo(100);
  expect(await chat.page.getByRole('button', { name: 'Stop' }).count()).toBe(1);
  await chat.finished(1);
  expect((await chat.text()).startsWith(partial)).toBe(true);
  expect((await chat.text()).length).toBeGreaterThan(400);
  await expect.poll(() => demo.lines.at(-1)).toMatch(/^answer finished/);
});

test('an answer survives connections that break', async () => {
  const proxy = await createFaultProxy({ port: Number(new URL(demo.url).port) });
  onTestFinished(() => proxy.close());
  const cut = await openPage(browser, proxy.url);
  await cut.ask(QUESTION);
  await cut.grownTo(80);
  proxy.setFaults({ refuse: true });
  proxy.cutAll({ reset: true });
  await cut.page.getByTestId('progress').getByText('Reconnecting…').waitFor();
  proxy.setFaults({});
  await cut.finished(1);
  const text = await cut.text();
  expect(text.length).toBeGreaterThan(400);
  await cut.page.reload();
  await cut.finished(1);
  expect(await cut.text()).toBe(text);
  await cut.page.context().close();
});

test('Escape stops as the button does', async () => {
  const stopped = stoppedSoFar();
  await chat.ask(QUESTION);
  await chat.grownTo(20);
  await chat.page.keyboard.press('Escape');
  await expect.poll(stoppedSoFar).toBe(stopped + 1);
  await expect.poll(() => chat.page.getByRole('button', { name: 'Stop' }).count()).toBe(0);
});

test('a second message stops the first answer, keeps its text, and is answered', async () => {
  const stopped = stoppedSoFar();
  await chat.ask(QUESTION);
  await chat.grownTo(60);
  const partial = (await chat.text()).slice(0, 40);
  await chat.ask('Which packages are there?');
  await expect.poll(stoppedSoFar).toBe(stopped + 1);
  await chat.finished(2);
  const check = async () => {
    expect(await chat.answers.nth(0).textContent()).toContain(partial);
    expect(await chat.answers.nth(1).textContent()).toContain('@chatkit/');
    const roles = await chat.page.getByRole('article').evaluateAll((all) => all.map((each) => each.ariaLabel));
    expect(roles).toEqual(['You', 'Assistant', 'You', 'Assistant']);
  };
  await check();
  await chat.page.reload();
  await chat.finished(2);
  await check();
});

test('Enter sends, Shift+Enter makes a line, and an empty question is not sent', async () => {
  await chat.field.press('Enter');
  expect(await chat.page.getByRole('article').count()).toBe(0);
  await chat.field.fill('hello');
  await chat.field.press('Shift+Enter');
  expect(await chat.field.inputValue()).toBe('hello\n');
  await chat.field.press('Enter');
  await chat.finished(1);
  expect(await chat.field.inputValue()).toBe('');
});

test('works with a slow network', async () => {
  const cdp = await chat.page.context().newCDPSession(chat.page);
  await cdp.send('Network.enable');
  await cdp.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 300,
    downloadThroughput: 12_000,
    uploadThroughput: 12_000,
  });
  const seen = await watch(chat.page);
  await chat.ask(QUESTION);
  await chat.finished(1);
  expect(new Set((await seen()).map((state) => state.chars)).size).toBeGreaterThanOrEqual(10);
});

test('a delta changes the last block only', async () => {
  await chat.ask('Show me a server in a few lines');
  await chat.page.locator('.answer .block').nth(1).waitFor();
  await chat.page.evaluate(() => {
    const changes: string[] = [];
    const first = document.querySelector('.answer .block') as Element;
    new MutationObserver((records) => changes.push(...records.map((each) => each.type))).observe(first, {
      subtree: true,
      childList: true,
      characterData: true,
      attributes: true,
    });
    Object.assign(window, { changes, first });
  });
  await chat.finished(1);
  const result = await chat.page.evaluate(() => {
    const { changes, first } = window as unknown as { changes: string[]; first: Element };
    return { changes: changes.length, same: document.querySelector('.answer .block') === first };
  });
  // The one change that may come is the mark of a source behind the block.
  expect(result.same).toBe(true);
  expect(result.changes).toBeLessThanOrEqual(4);
});

test('follows the text at the end, and leaves a reader alone who has scrolled up', async () => {
  await chat.page.setViewportSize({ width: 700, height: 420 });
  await chat.ask(QUESTION);
  await chat.grownTo(500);
  const scroller = chat.page.locator('.scroller');
  const fromEnd = () => scroller.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight);
  await expect.poll(fromEnd).toBeLessThan(48);
  await scroller.hover();
  await chat.page.mouse.wheel(0, -250);
  await chat.page.getByRole('button', { name: 'Latest' }).waitFor();
  const top = await scroller.evaluate((box) => box.scrollTop);
  const before = (await chat.text()).length;
  await chat.grownTo(before + 60);
  expect(await scroller.evaluate((box) => box.scrollTop)).toBe(top);
  await chat.page.getByRole('button', { name: 'Latest' }).click();
  await expect.poll(fromEnd).toBeLessThan(48);
});

test('conversations can be renamed, opened and deleted; nobody else sees them', async () => {
  await chat.ask('Hello');
  await chat.finished(1);
  const address = chat.page.url();
  const list = chat.page.getByRole('navigation', { name: 'Conversations' });
  await list.getByRole('link', { name: 'Hello' }).hover();
  await list.getByRole('button', { name: 'Rename: Hello' }).click();
  await list.getByRole('textbox', { name: 'Title' }).fill('A renamed one');
  await list.getByRole('textbox', { name: 'Title' }).press('Enter');
  await list.getByRole('link', { name: 'A renamed one' }).waitFor();
  await list.getByRole('button', { name: 'New conversation' }).click();
  await chat.page.getByRole('heading', { name: 'Ask something, then break it' }).waitFor();
  await list.getByRole('link', { name: 'A renamed one' }).click();
  await chat.finished(1);
  expect(chat.page.url()).toBe(address);

  const stranger = await openPage(browser, address);
  await stranger.page.getByText('That conversation is not here any more.').waitFor();
  expect(await stranger.answers.count()).toBe(0);
  await stranger.page.context().close();

  await list.getByRole('link', { name: 'A renamed one' }).hover();
  await list.getByRole('button', { name: 'Delete: A renamed one' }).click();
  const focused = () => chat.page.evaluate(() => document.activeElement?.textContent);
  await expect.poll(focused).toBe('Delete?');
  await chat.page.keyboard.press('Enter');
  // It was the one on screen: a new one begins, at its field.
  await expect.poll(() => chat.page.evaluate(() => document.activeElement?.id)).toBe('question');
  await expect.poll(() => list.getByRole('link').count()).toBe(0);
  await chat.page.reload();
  await expect.poll(() => list.getByRole('link').count()).toBe(0);
});

test('a conversation that cannot be loaded says so, keeps its address, and can be tried again', async () => {
  const proxy = await createFaultProxy({ port: Number(new URL(demo.url).port) });
  onTestFinished(() => proxy.close());
  const cut = await openPage(browser, proxy.url);
  await cut.ask('Hello');
  await cut.finished(1);
  const address = cut.page.url();
  await cut.page.getByRole('button', { name: 'New conversation' }).click();
  await expect.poll(() => new URL(cut.page.url()).pathname).toBe('/');
  proxy.setFaults({ refuse: true });
  proxy.cutAll();
  await cut.page.getByRole('link', { name: 'Hello' }).click();
  const alert = cut.page.getByRole('alert');
  await alert.getByText('The server could not be reached.').waitFor();
  expect(await cut.page.getByText('That conversation is not here any more.').count()).toBe(0);
  expect(cut.page.url()).toBe(address);
  proxy.setFaults({});
  await alert.getByRole('button', { name: 'Retry' }).click();
  await cut.finished(1);
  expect(await alert.count()).toBe(0);
  // Back to the new one, and forward again.
  await cut.page.goBack();
  await cut.page.getByRole('heading', { name: 'Ask something, then break it' }).waitFor();
  await cut.page.goForward();
  await cut.finished(1);
  await cut.page.context().close();
});

test('a list that could not be loaded is, by itself, once the server is there again', async () => {
  const proxy = await createFaultProxy({ port: Number(new URL(demo.url).port) });
  onTestFinished(() => proxy.close());
  const cut = await openPage(browser, proxy.url);
  await cut.ask('Hello');
  await cut.finished(1);
  const trouble = cut.page.getByRole('button', { name: 'Load the list again' });
  const fail = async () => {
    proxy.setFaults({ refuse: true });
    proxy.cutAll();
    await cut.page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await trouble.waitFor();
    proxy.setFaults({});
  };
  await fail();
  await cut.ask('Hello');
  await cut.finished(2);
  await trouble.waitFor({ state: 'detached' });
  await fail();
  await cut.page.evaluate(() => window.dispatchEvent(new Event('online')));
  await trouble.waitFor({ state: 'detached' });
  await cut.page.context().close();
});

test('sources lead to the text that was quoted', async () => {
  await chat.ask(QUESTION);
  await chat.finished(1);
  const source = chat.page.getByRole('list', { name: 'Sources' }).getByRole('link').first();
  const href = await source.getAttribute('href');
  const response = await fetch(new URL(href ?? '', demo.url));
  expect(response.status).toBe(200);
  expect(await response.text()).toContain(await source.locator('.title').textContent());
});

test('the theme can be chosen and is remembered', async () => {
  const background = () => chat.page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  /** What the browser of a phone paints its own bar with. */
  const bar = () =>
    chat.page.evaluate(
      () =>
        [...document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')].find(
          ({ media }) => matchMedia(media).matches,
        )?.content,
    );
  const light = [await background(), await bar()];
  await chat.page.getByRole('button', { name: 'Use the dark theme' }).click();
  const dark = [await background(), await bar()];
  expect(dark[0]).not.toBe(light[0]);
  expect(dark[1]).not.toBe(light[1]);
  await chat.page.reload();
  expect([await background(), await bar()]).toEqual(dark);
});

test('the bundle holds no schema library', async () => {
  const assets = fileURLToPath(new URL('../dist/assets/', import.meta.url));
  const scripts = (await readdir(assets)).filter((name) => name.endsWith('.js'));
  expect(scripts.length).toBeGreaterThan(0);
  for (const name of scripts) expect(await readFile(assets + name, 'utf8')).not.toMatch(/ZodError|_zod/);
});

test('an address that is none shows where one is, and is left by the first question', async () => {
  const lost = await openPage(browser, `${demo.url}/docs/intro`);
  await lost.page.getByText('There is no page at this address.').waitFor();
  await lost.ask(QUESTION);
  await lost.finished(1);
  expect(lost.page.url()).toMatch(/\/t\/thr_/);
  expect(await lost.page.getByText('There is no page at this address.').count()).toBe(0);
  await lost.page.context().close();
});
