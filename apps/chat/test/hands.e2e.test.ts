/** What people do with a page that its makers would not: double clicks, other scripts and keyboards, long pastes. */
import { expect, test } from 'vitest';
import { openPage, openTab } from './e2e/open-page.ts';
import { browser, chat, model, proxy } from './e2e/slow-demo.ts';

const requests = (): string[] => {
  const seen: string[] = [];
  chat.page.on('request', (request) => {
    if (new URL(request.url()).pathname === '/chatkit') seen.push(request.postDataJSON()?.type ?? request.method());
  });
  return seen;
};

/** Asks, and has the model answer with `text`. */
const converse = async (question: string, text: string, count: number): Promise<void> => {
  await chat.ask(question);
  await model.say(text);
  await model.end();
  await chat.finished(count);
};

test('a double click on “Send” sends, and does not stop what it began', async () => {
  const seen = requests();
  await chat.field.fill('What is a stream?');
  await chat.page.getByRole('button', { name: 'Send' }).dblclick();
  await model.say('A stream is');
  await chat.grownTo(11);
  expect(seen.filter((type) => type === 'threads.create' || type === 'runs.cancel')).toEqual(['threads.create']);
  // A click that is meant stops it.
  await chat.page.getByRole('button', { name: 'Stop' }).click();
  await expect.poll(() => chat.page.locator('.stopped').count()).toBe(1);
});

test('a link within the page does not load the conversation again', async () => {
  await chat.ask('What is a stream?');
  await model.say('A stream is');
  await chat.grownTo(11);
  const seen = requests();
  await chat.page.evaluate(() => document.querySelector<HTMLElement>('.skip')?.click());
  expect(new URL(chat.page.url()).hash).toBe('#question');
  await model.say(' a sequence of chunks.');
  await chat.grownTo(30);
  await model.end();
  await chat.finished(1);
  expect(seen).toEqual([]);
  await chat.page.goBack();
  await chat.page.goBack();
  await expect.poll(() => chat.answers.count()).toBe(0);
});

test('links and footnotes work whose other half comes later, in a block of its own', async () => {
  await chat.ask('Sources?');
  await model.say(
    'See [the docs][1], as said[^a].\n\nMore.\n\n[1]: https://example.com/docs\n\n[^a]: By *somebody*.\n',
  );
  await model.end();
  await chat.finished(1);
  const link = chat.page.getByRole('link', { name: 'the docs' });
  expect(await link.getAttribute('href')).toBe('https://example.com/docs');
  await chat.page.getByRole('link', { name: 'Footnote a' }).click();
  const note = chat.page.getByRole('list', { name: 'Footnotes' }).getByRole('listitem');
  expect(
    await note.evaluate((item) => `${item.id === decodeURIComponent(location.hash.slice(1))} ${item.textContent}`),
  ).toBe('true aBy somebody.');
  expect(chat.complaints).toEqual([]);
});

test('a long table is one table', async () => {
  const rows = Array.from({ length: 40 }, (_, index) => `| ${index} | [it][1] ${'words '.repeat(20)}|\n`).join('');
  await converse('Table?', `| a | b |\n|---|--:|\n${rows}\n[1]: https://example.com/it\n`, 1);
  const table = chat.page.getByRole('table');
  expect(await table.count()).toBe(1);
  expect(await table.locator('th').allInnerTexts()).toEqual(['a', 'b']);
  expect(await table.locator('td:first-child').allInnerTexts()).toEqual(Array.from({ length: 40 }, (_, at) => `${at}`));
  expect(await table.getByRole('link', { name: 'it' }).count()).toBe(40);
  expect(chat.complaints).toEqual([]);
});

test('scripts that run from right to left are set so, and code is not', async () => {
  await converse('ما هو التدفق؟', 'التدفق سلسلة.\n\n- أول\n\nIn English.\n\n```ts\nconst a = 1;\n```\n', 1);
  const directions = await chat.page.evaluate(() =>
    ['.question p', '.block:nth-child(1)', '.block:nth-child(2) li', '.block:nth-child(3)', '.code', 'textarea'].map(
      (selector) => getComputedStyle(document.querySelector(selector) as Element).direction,
    ),
  );
  expect(directions).toEqual(['rtl', 'rtl', 'rtl', 'ltr', 'ltr', 'ltr']);
  await chat.field.fill('שלום');
  expect(await chat.field.evaluate((field) => getComputedStyle(field).direction)).toBe('rtl');
});

test('keys that belong to an input method neither send nor stop', async () => {
  const seen = requests();
  await chat.field.fill('に');
  const press = (init: { key: string; keyCode?: number; isComposing?: boolean }) =>
    chat.field.evaluate(
      (field, given) =>
        field.dispatchEvent(new KeyboardEvent('keydown', { ...given, bubbles: true, cancelable: true })),
      init,
    );
  await press({ key: 'Enter', isComposing: true });
  // Safari ends the composition before it tells of the key that ended it.
  await press({ key: 'Enter', keyCode: 229 });
  expect(await chat.field.inputValue()).toBe('に');
  await press({ key: 'Enter', keyCode: 13 });
  await model.say('A stream is');
  await chat.grownTo(11);
  await press({ key: 'Escape', isComposing: true });
  await press({ key: 'Escape', keyCode: 229 });
  await model.say(' a sequence.');
  await model.end();
  await chat.finished(1);
  expect(seen.filter((type) => type === 'threads.create' || type === 'runs.cancel')).toEqual(['threads.create']);
});

test('a paste that is too long is kept whole, said to be too long, and not sent', async () => {
  const seen = requests();
  await chat.field.focus();
  await chat.page.keyboard.insertText('word,'.repeat(20_000));
  expect(await chat.field.inputValue()).toHaveLength(100_000);
  const note = chat.page.getByText('96,000 characters too many');
  await note.waitFor();
  expect(await chat.page.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true);
  await chat.field.press('Enter');
  expect(seen).not.toContain('threads.create');
  expect(await chat.field.getAttribute('aria-invalid')).toBe('true');
  await chat.field.fill('word');
  await note.waitFor({ state: 'detached' });
});

test('earlier messages appear above what is being read, which stays where it is', async () => {
  for (let count = 1; count <= 12; count += 1)
    await converse(`Question ${count}. ${'Words. '.repeat(30)}`, 'Yes.', count);
  await chat.page.reload();
  await chat.finished(10);
  const place = () =>
    chat.page
      .locator('.question', { hasText: 'Question 3.' })
      .evaluate((question) => Math.round(question.getBoundingClientRect().top));
  await chat.page.locator('.scroller').evaluate((scroller) => scroller.scrollTo(0, 0));
  const before = await place();
  await chat.page.getByRole('button', { name: 'Show earlier messages' }).focus();
  await chat.page.keyboard.press('Enter');
  await chat.finished(12);
  expect(Math.abs((await place()) - before)).toBeLessThan(60);
  // The button is gone; the focus is not.
  expect(await chat.page.evaluate(() => document.activeElement?.matches('.scroller, .scroller *'))).toBe(true);
});

test('an answer that is stopped in the middle of something bold shows no asterisks, now and after a reload', async () => {
  await chat.ask('What is a stream?');
  await model.say('A stream is **a sequence');
  await chat.grownTo(20);
  await chat.page.keyboard.press('Escape');
  await chat.page.locator('.stopped').waitFor();
  expect(await chat.text()).toBe('A stream is a sequence');
  await chat.page.reload();
  await chat.page.locator('.stopped').waitFor();
  expect(await chat.text()).toBe('A stream is a sequence');
});

test('the list shows a conversation that was begun in another tab when the page is looked at again', async () => {
  const other = await openTab(chat.page.context(), proxy.url);
  await other.ask('What is a stream?');
  await model.say('A stream is a sequence.');
  await model.end();
  await other.finished(1);
  const entries = chat.page.locator('.threads li');
  expect(await entries.count()).toBe(0);
  await chat.page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await expect.poll(() => entries.count()).toBe(1);
});

test('a tap on “Stop” does not open the keyboard of a phone', async () => {
  const phone = await openPage(browser, proxy.url, {
    viewport: { width: 360, height: 720 },
    hasTouch: true,
    isMobile: true,
  });
  await phone.ask('What is a stream?');
  await model.say('A stream is');
  await phone.grownTo(11);
  await phone.page.getByRole('button', { name: 'Stop' }).tap();
  await phone.page.locator('.stopped').waitFor();
  expect(await phone.field.evaluate((field) => field === document.activeElement)).toBe(false);
  await phone.page.context().close();
});
