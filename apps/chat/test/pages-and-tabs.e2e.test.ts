/**
 * What a conversation goes through beside its network: pages that sleep, leave and come back, tabs that act on the same
 * one.
 */
import type { Page } from 'playwright';
import { expect, test } from 'vitest';
import { type DemoPage, openTab } from './e2e/open-page.ts';
import { chat, count, demo, model, numbers, proxy } from './e2e/slow-demo.ts';

const questions = (page: Page) => page.getByRole('article', { name: 'You' }).allTextContents();
const stop = ({ page }: DemoPage) => page.getByRole('button', { name: 'Stop' }).click();

test('a tab that is alone and frozen in mid-answer has it whole when it is thawed, and can stop the next one', async () => {
  await chat.ask('Count');
  await count(1, 20);
  await chat.shows(numbers(1, 20));
  const cdp = await chat.page.context().newCDPSession(chat.page);
  const finished = () => demo.lines.filter((line) => line.startsWith('answer finished'));
  const before = finished().length;
  await cdp.send('Page.setWebLifecycleState', { state: 'frozen' });
  await count(21, 60);
  await model.end();
  await expect.poll(() => finished().length).toBe(before + 1);
  await cdp.send('Page.setWebLifecycleState', { state: 'active' });
  await chat.shows(numbers(1, 60));
  await chat.finished(1);
  await chat.ask('Again');
  await count(1, 10);
  await cdp.send('Page.setWebLifecycleState', { state: 'frozen' });
  await cdp.send('Page.setWebLifecycleState', { state: 'active' });
  await stop(chat);
  await chat.page.locator('.stopped').waitFor();
});

test('a page that is left in mid-answer and gone back to shows it going on', async () => {
  await chat.ask('Count');
  await count(1, 20);
  await chat.shows(numbers(1, 20));
  await chat.page.goto(`${proxy.url}/icon.svg`);
  await count(21, 40);
  await chat.page.goBack();
  await chat.shows(numbers(1, 40));
  await stop(chat);
  await chat.page.locator('.stopped').waitFor();
});

test('a question that is asked after the conversation could not be loaded is in that conversation', async () => {
  await chat.ask('First');
  await model.say('One.');
  await model.end();
  await chat.finished(1);
  const address = chat.page.url();
  await chat.page.route('**/chatkit', (route) => route.abort());
  await chat.page.reload();
  await chat.page.getByRole('alert').waitFor();
  await chat.page.unroute('**/chatkit');
  await chat.ask('Second');
  await model.say('Two.');
  await model.end();
  await chat.finished(2);
  expect(await questions(chat.page)).toEqual(['First', 'Second']);
  expect(chat.page.url()).toBe(address);
});

test('a page whose browser lets it keep nothing works', async () => {
  await chat.page.addInitScript(() => {
    const denied = () => {
      throw new DOMException('The operation is insecure.', 'SecurityError');
    };
    Object.defineProperty(window, 'localStorage', { get: denied });
    Object.defineProperty(window, 'sessionStorage', { get: denied });
    Object.assign(window, { BroadcastChannel: denied });
    navigator.locks.request = async () => denied();
  });
  await chat.page.reload();
  await chat.ask('Count');
  await count(1, 20);
  await chat.shows(numbers(1, 20));
  proxy.cutAll({ reset: true });
  await count(21, 40);
  await model.end();
  await chat.finished(1);
  expect(await chat.text()).toBe(numbers(1, 40).trim());
});

test('a question from another tab takes the place of the answer that goes on, and both tabs show the same', async () => {
  await chat.ask('Count');
  await count(1, 20);
  await chat.shows(numbers(1, 20));
  const second = await openTab(chat.page.context(), chat.page.url());
  await second.shows(numbers(1, 20));
  const asked = model.asked;
  await second.ask('Instead');
  await expect.poll(() => model.asked).toBe(asked + 1);
  await model.say('Yes, ');
  await expect.poll(() => chat.text()).toBe('Yes,');
  await stop(chat);
  for (const { page } of [chat, second]) {
    await page.getByRole('button', { name: 'Stop' }).waitFor({ state: 'detached' });
    expect(await questions(page)).toEqual(['Count', 'Instead']);
  }
  const seen = await Promise.all([chat, second].map(({ page }) => page.getByRole('article').allTextContents()));
  expect(seen[1]).toEqual(seen[0]);
});

test('a conversation that another tab deletes in mid-answer keeps its text on the screen, and says that it is gone', async () => {
  await chat.ask('Count');
  await count(1, 20);
  await chat.shows(numbers(1, 20));
  const second = await openTab(chat.page.context(), chat.page.url());
  await second.shows(numbers(1, 20));
  const list = second.page.getByRole('navigation', { name: 'Conversations' });
  await list.getByRole('link').first().hover();
  await list.getByRole('button', { name: /^Delete:/ }).click();
  await list.getByRole('button', { name: 'Delete?' }).click();
  await chat.page.locator('.stopped').waitFor();
  expect(await chat.text()).toBe(numbers(1, 20).trim());
  await expect.poll(() => second.answers.count()).toBe(0);
  await chat.ask('More');
  await chat.page.getByRole('alert').getByText('This conversation was deleted.').waitFor();
  expect(await questions(chat.page)).toEqual(['Count', 'More']);
  expect(await chat.page.locator('[data-unsent]').allTextContents()).toEqual(['More']);
});
