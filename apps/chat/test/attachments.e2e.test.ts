/** Files in the page: chosen, pasted, dropped, refused, removed, sent, and there again after a reload. */
import type { Browser, Page } from 'playwright';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type DemoPage, launchBrowser, openPage } from './e2e/open-page.ts';
import { type Demo, startDemo } from './e2e/start-demo.ts';

let browser: Browser;
let demo: Demo;
let chat: DemoPage;

beforeAll(async () => {
  [browser, demo] = await Promise.all([launchBrowser(), startDemo({ CHAT_PACE: '2000' })]);
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

const dot = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const notes = { name: 'notes.md', mimeType: 'text/markdown', buffer: Buffer.from('# Notes\n\nOn streams.\n') };
const image = { name: 'dot.png', mimeType: 'image/png', buffer: dot };

const choose = (...files: { name: string; mimeType: string; buffer: Buffer }[]) =>
  chat.page.getByLabel('Files', { exact: true }).setInputFiles(files);
const draft = (name: string) => chat.page.locator('.composer .files li', { hasText: name });
const isReady = (name: string) => draft(name).and(chat.page.locator('[data-state="ready"]')).waitFor();
const sent = () => chat.page.locator('.question .files li');

/** An event with an image, as of a hand that pastes or drops. */
const bring = (page: Page, type: 'paste' | 'drop' | 'dragover', withText = false) =>
  page.evaluate(
    ([given, bytes, text]) => {
      const data = new DataTransfer();
      if (text) data.setData('text/plain', 'cells');
      data.items.add(
        new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], 'pasted.png', { type: 'image/png' }),
      );
      const event =
        given === 'paste'
          ? new ClipboardEvent(given, { clipboardData: data, bubbles: true, cancelable: true })
          : new DragEvent(given, { dataTransfer: data, bubbles: true, cancelable: true });
      document.querySelector(given === 'paste' ? '#question' : '.scroller')?.dispatchEvent(event);
      return event.defaultPrevented;
    },
    [type, dot.toString('base64'), withText] as const,
  );

test('files that are chosen go with the message, are shown in it, and are there after a reload', async () => {
  const picker = chat.page.waitForEvent('filechooser');
  await chat.page.getByRole('button', { name: 'Attach files' }).click();
  await (await picker).setFiles([notes, image]);
  await isReady('notes.md');
  await isReady('dot.png');
  await chat.ask('What is it?');
  await chat.finished(1);
  const text = await chat.text();
  expect(text).toContain('notes.md');
  expect(text).toContain('(text/markdown, 21 bytes)');
  expect(text).toContain('# Notes');
  expect(await chat.page.locator('.composer .files').count()).toBe(0);
  const look = async () => {
    expect(await sent().count()).toBe(2);
    const picture = chat.page.getByRole('img', { name: 'dot.png' });
    await expect.poll(() => picture.evaluate((img) => (img as HTMLImageElement).naturalWidth)).toBe(1);
  };
  await look();
  await chat.page.reload();
  await chat.finished(1);
  await look();
  expect(chat.complaints).toEqual([]);
});

test('a message needs no words beside a file, and an edit of its words keeps the file', async () => {
  await choose(notes);
  await isReady('notes.md');
  await chat.page.getByRole('button', { name: 'Send' }).click();
  await chat.finished(1);
  expect(await chat.page.title()).toMatch(/notes\.md/i);
  await chat.page.getByRole('button', { name: /^Edit message/ }).click();
  await chat.page.getByLabel('Your message', { exact: true }).fill('And what is this?');
  await chat.page.keyboard.press('Enter');
  await expect.poll(() => chat.text()).toContain('Ask your question without a file');
  expect(await sent().count()).toBe(1);
  await chat.page.reload();
  await chat.finished(1);
  expect(await sent().count()).toBe(1);
});

test('an image that is pasted or dropped is attached; a copied table is text', async () => {
  expect(await bring(chat.page, 'paste')).toBe(true);
  await isReady('pasted.png');
  expect(await bring(chat.page, 'dragover')).toBe(true);
  await chat.page.getByText('Drop files to attach them').waitFor();
  expect(await bring(chat.page, 'drop')).toBe(true);
  await expect.poll(() => draft('pasted.png').count()).toBe(2);
  expect(await chat.page.getByText('Drop files to attach them').count()).toBe(0);
  expect(await bring(chat.page, 'paste', true)).toBe(false);
  expect(await draft('pasted.png').count()).toBe(2);
  expect(
    await draft('pasted.png')
      .first()
      .locator('img')
      .evaluate((img) => (img as HTMLImageElement).naturalWidth),
  ).toBe(1);
});

test('what the server refuses says why and is not sent; what is removed is gone', async () => {
  const requests: string[] = [];
  chat.page.on('request', (request) => requests.push(request.postDataJSON()?.type ?? request.method()));
  await choose(notes, { name: 'a.zip', mimeType: 'application/zip', buffer: Buffer.from('zip') });
  await draft('a.zip').getByText('a.zip is no image, text or PDF').waitFor();
  await isReady('notes.md');
  await chat.field.fill('Look');
  const send = chat.page.getByRole('button', { name: 'Send' });
  expect(await send.isDisabled()).toBe(true);
  await chat.field.press('Enter');
  await chat.page.getByRole('button', { name: 'Remove a.zip' }).click();
  expect(await send.isDisabled()).toBe(false);
  await chat.page.getByRole('button', { name: 'Remove notes.md' }).click();
  await expect.poll(() => requests).toContain('attachments.delete');
  expect(await chat.page.evaluate(() => document.activeElement?.id)).toBe('question');
  expect(requests).not.toContain('threads.create');
  await choose(...Array.from({ length: 6 }, (_, index) => ({ ...notes, name: `${index}.md` })));
  await draft('5.md').getByText('A message takes 5 files.').waitFor();
});
