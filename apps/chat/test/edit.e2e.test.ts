/** A message that was sent is put in other words: by mouse, by keyboard, by touch, and in the middle of an answer. */
import { expect, test } from 'vitest';
import { type DemoPage, openPage, openTab } from './e2e/open-page.ts';
import { browser, chat, count, model, numbers, proxy } from './e2e/slow-demo.ts';

const converse = async (question: string, answer: string, answers: number): Promise<void> => {
  await chat.ask(question);
  await model.say(answer);
  await model.end();
  await chat.finished(answers);
};

const pencil = (of: string, on: DemoPage = chat) => on.page.getByRole('button', { name: `Edit message: ${of}` });
const field = () => chat.page.getByLabel('Your message', { exact: true });
const said = () => chat.page.locator('.column').getByRole('article').allInnerTexts();
const focused = () =>
  chat.page.evaluate(() => document.activeElement?.id || document.activeElement?.getAttribute('aria-label'));

test('the words are replaced, what followed them goes, and the new ones are answered, also after a reload', async () => {
  await converse('What is a steam?', 'Hot water.', 1);
  await converse('Are you sure?', 'Yes.', 2);
  await pencil('What is a steam?').click();
  expect(await field().inputValue()).toBe('What is a steam?');
  await chat.page.getByText('What follows this message is replaced.').waitFor();
  await field().fill('What is a stream?');
  await chat.page.getByRole('form', { name: 'Edit message' }).getByRole('button', { name: 'Send' }).click();
  await model.say('A sequence.');
  await model.end();
  await chat.finished(1);
  expect(await said()).toEqual(['What is a stream?', 'A sequence.']);
  expect(await focused()).toBe('question');
  await chat.page.reload();
  await chat.finished(1);
  expect(await said()).toEqual(['What is a stream?', 'A sequence.']);
  expect(chat.complaints).toEqual([]);
});

test('by keyboard: Tab shows the button, Escape leaves the words and the answer alone, Enter sends', async () => {
  await converse('What is a steam?', 'Hot water.', 1);
  await chat.ask('And a stream?');
  await count(1, 5);
  await pencil('And a stream?').waitFor();
  await chat.page.mouse.move(0, 0);
  const opacity = () =>
    pencil('What is a steam?').evaluate((button) => getComputedStyle(button.parentElement as Element).opacity);
  expect(await opacity()).toBe('0');
  await pencil('What is a steam?').focus();
  expect(await opacity()).not.toBe('0');
  await chat.page.keyboard.press('Enter');
  await expect.poll(focused).toMatch(/^edit-/);
  await field().fill('Something else');
  await field().press('Escape');
  await expect.poll(focused).toBe('Edit message: What is a steam?');
  // The answer was not meant.
  await count(6, 10);
  await chat.shows(numbers(1, 10));
  expect(await chat.page.getByRole('button', { name: 'Stop' }).count()).toBe(1);
  await model.end();
  await chat.finished(2);

  await chat.page.keyboard.press('Enter');
  expect(await field().inputValue()).toBe('What is a steam?');
  await field().fill('に');
  // Of an input method: it chooses a word.
  await field().evaluate((box) =>
    box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', keyCode: 229, bubbles: true, cancelable: true })),
  );
  await field().evaluate((box) =>
    box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', isComposing: true, bubbles: true })),
  );
  expect(await field().inputValue()).toBe('に');
  await field().press('Enter');
  await model.say('To.');
  await model.end();
  await chat.finished(1);
  expect(await said()).toEqual(['に', 'To.']);
});

test('a double click opens the field and no more; an empty draft and one that is too long are not sent', async () => {
  await converse('What is a steam?', 'Hot water.', 1);
  const { asked } = model;
  await pencil('What is a steam?').dblclick();
  const send = chat.page.getByRole('form', { name: 'Edit message' }).getByRole('button', { name: 'Send' });
  await field().fill('  ');
  expect(await send.isDisabled()).toBe(true);
  await field().press('Enter');
  await field().fill('word,'.repeat(1_000));
  await chat.page.getByText('1,000 characters too many').waitFor();
  expect(await send.isDisabled()).toBe(true);
  await field().press('Enter');
  expect(await field().count()).toBe(1);
  expect(model.asked).toBe(asked);
});

test('in the middle of an answer the field stays where it is; sending stops that answer', async () => {
  await chat.ask('Count');
  await count(1, 20);
  await pencil('Count').click();
  const place = () => field().evaluate((box) => Math.round(box.getBoundingClientRect().top));
  const before = await place();
  await count(21, 400, 0);
  await chat.shows(numbers(1, 400));
  await chat.page.getByRole('button', { name: 'Latest' }).waitFor();
  expect(await place()).toBe(before);
  const { asked } = model;
  await field().fill('Count again');
  await field().press('Enter');
  // What it had written goes with it, and so does the line that says that it was stopped.
  await expect.poll(() => chat.page.locator('.stopped').count()).toBe(0);
  await expect.poll(() => model.asked).toBe(asked + 1);
  await count(7, 9);
  await model.end();
  await chat.finished(1);
  expect(await said()).toEqual(['Count again', numbers(7, 9).trim()]);
});

test('an edit that does not get through: the old words and answers are there again, and it can be retried', async () => {
  await converse('What is a steam?', 'Hot water.', 1);
  await pencil('What is a steam?').click();
  await field().fill('What is a stream?');
  proxy.setFaults({ refuse: true });
  proxy.cutAll();
  await field().press('Enter');
  await expect.poll(said).toEqual(['What is a stream?']);
  await chat.page.keyboard.press('Escape');
  await expect.poll(said).toEqual(['What is a steam?', 'Hot water.']);
  proxy.setFaults({});
  await pencil('What is a steam?').click();
  await field().fill('What is a stream?');
  await field().press('Enter');
  await model.say('A sequence.');
  await model.end();
  await chat.finished(1);
  await expect.poll(said).toEqual(['What is a stream?', 'A sequence.']);
});

test('another tab that shows the conversation is in step', async () => {
  await converse('What is a steam?', 'Hot water.', 1);
  await converse('Are you sure?', 'Yes.', 2);
  const other = await openTab(chat.page.context(), chat.page.url());
  await other.finished(2);
  await pencil('What is a steam?').click();
  await field().fill('What is a stream?');
  await field().press('Enter');
  await model.say('A sequence.');
  await other.grownTo(11);
  await model.end();
  await other.finished(1);
  expect(await other.page.locator('.column').getByRole('article').allInnerTexts()).toEqual([
    'What is a stream?',
    'A sequence.',
  ]);
});

test('by touch: the button is always there, and the keys of a phone go when the words are sent', async () => {
  const phone = await openPage(browser, proxy.url, {
    viewport: { width: 360, height: 720 },
    hasTouch: true,
    isMobile: true,
  });
  await phone.ask('What is a steam?');
  await model.say('Hot water.');
  await model.end();
  await phone.finished(1);
  const button = pencil('What is a steam?', phone);
  expect(await button.evaluate((element) => getComputedStyle(element.parentElement as Element).opacity)).not.toBe('0');
  await button.tap();
  const form = phone.page.getByRole('form', { name: 'Edit message' });
  await form.getByRole('textbox').fill('What is a stream?');
  await form.getByRole('button', { name: 'Send' }).tap();
  await model.say('A sequence.');
  await model.end();
  await phone.finished(1);
  expect(await phone.page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe(
    'Edit message: What is a stream?',
  );
  expect(await phone.page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
  await phone.page.context().close();
});
