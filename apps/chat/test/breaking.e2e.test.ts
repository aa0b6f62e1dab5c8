/** The wire: what a visitor can break in the page, and see the answer get over it. */
import { expect, test } from 'vitest';
import { openPage } from './e2e/open-page.ts';
import { browser, chat, count, model, numbers, proxy } from './e2e/slow-demo.ts';

const button = (name: string) => chat.page.getByRole('button', { name, exact: true });
const tally = () => chat.page.getByTestId('tally').textContent();

test('the first suggestion shows the wire; an answer gets over a drop and a pulled plug, whole and once', async () => {
  expect(await chat.page.getByRole('complementary', { name: 'The wire' }).count()).toBe(0);
  await chat.page.getByRole('button', { name: 'What does an answer survive?' }).click();
  expect(await button('Wire').getAttribute('aria-expanded')).toBe('true');
  await count(1, 30);
  await chat.shows(numbers(1, 30));
  await button('Drop the connection').click();
  await count(31, 60);
  await chat.shows(numbers(1, 60));
  expect(await tally()).toMatch(/^\d+ events over 2 connections, none twice\.$/);

  await button('Pull the plug').click();
  expect(await tally()).toMatch(/^No network/);
  await chat.page.getByTestId('progress').getByText('Reconnecting…').waitFor();
  // The model does not know of it.
  await count(61, 90);
  await button('Plug it in').click();
  await chat.shows(numbers(1, 90));
  await model.end();
  await chat.finished(1);
  expect(await chat.text()).toBe(numbers(1, 90).trim());
  const length = numbers(1, 90).length;
  await expect
    .poll(tally)
    .toMatch(new RegExp(`over 3 connections, none twice\\. All ${length} characters arrived\\.$`));
  expect(await button('Drop the connection').isDisabled()).toBe(true);
  expect(chat.complaints).toEqual([]);
});

test('the wire stays shown over a reload, and shows what the page asks for then', async () => {
  await button('Wire').click();
  await chat.ask('Count');
  await count(1, 20);
  await chat.shows(numbers(1, 20));
  await chat.page.reload();
  await chat.page.getByText(/^GET the run again/).waitFor();
  await model.end();
  await chat.finished(1);
  await button('Close the wire').click();
  expect(await chat.page.getByTestId('tally').count()).toBe(0);
});

test('whoever hides the wire is connected again', async () => {
  await button('Wire').click();
  await chat.ask('Count');
  await count(1, 20);
  await chat.shows(numbers(1, 20));
  await button('Pull the plug').click();
  await chat.page.getByTestId('progress').getByText('Reconnecting…').waitFor();
  await button('Wire').click();
  await count(21, 40);
  await chat.shows(numbers(1, 40));
  await model.end();
  await chat.finished(1);
});

test('on a phone it has room below the field, and nothing hangs over the edge', async () => {
  const phone = await openPage(browser, proxy.url, { viewport: { width: 320, height: 568 } });
  await phone.page.getByRole('button', { name: 'Wire' }).click();
  await phone.page.getByTestId('tally').waitFor();
  expect(await phone.page.evaluate(() => document.documentElement.scrollWidth)).toBe(320);
  expect(await phone.field.isVisible()).toBe(true);
  await phone.page.context().close();
});
