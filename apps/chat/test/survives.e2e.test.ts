/** What an answer on the screen survives, in a real browser on the real server, at the pace of the test's own model. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright';
import { expect, onTestFinished, test } from 'vitest';
import { type DemoPage, openPage, openTab } from './e2e/open-page.ts';
import { browser, chat, count, model, numbers, proxy } from './e2e/slow-demo.ts';
import { startDemo } from './e2e/start-demo.ts';

/** Every text that the last answer of a page ever had, over all its loads; `null` for a load. */
const recordTexts = async (page: Page): Promise<(string | null)[]> => {
  const texts: (string | null)[] = [];
  await page.exposeFunction('seen', (text: string | null) => void texts.push(text));
  const watch = () => {
    const { seen } = window as unknown as { seen(text: string | null): void };
    let last: string | undefined;
    const look = () => {
      const text = [...document.querySelectorAll('.answer .prose')].at(-1)?.textContent ?? '';
      if (text !== last) seen(text);
      last = text;
    };
    seen(null);
    new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
  };
  await page.addInitScript(watch);
  await page.evaluate(watch);
  return texts;
};

/** That a text only ever grew: never shorter, never with something twice. */
const expectGrowth = (texts: readonly string[]) => {
  const shown = texts.slice(texts.findIndex((text) => text !== ''));
  for (const [index, text] of shown.entries()) expect(text.startsWith(shown[index - 1] ?? '')).toBe(true);
};

/** Resolves when the line below the answer says this. */
const line = (chat: DemoPage, text: string) => chat.page.getByTestId('progress').getByText(text).waitFor();

const textOf = (page: Page) =>
  page.evaluate(() => [...document.querySelectorAll('.answer .prose')].at(-1)?.textContent ?? '');

test('a reload: all that was there is there again in one piece, and then it grows', async () => {
  const texts = await recordTexts(chat.page);
  await chat.ask('Count');
  await count(1, 60);
  await chat.shows(numbers(1, 60));
  await Promise.all([chat.page.reload(), count(61, 100)]);
  await chat.shows(numbers(1, 100));
  await count(101, 160, 25);
  await model.end();
  await chat.finished(1);
  expect(await chat.text()).toBe(numbers(1, 160).trim());

  const reload = texts.lastIndexOf(null);
  const before = texts.slice(1, reload) as string[];
  const after = (texts.slice(reload + 1) as string[]).filter((text) => text !== '');
  expectGrowth(before);
  expectGrowth(after);
  // Nothing of it was written again before the reader's eyes.
  expect(after[0]?.startsWith(before.at(-1) ?? '')).toBe(true);
  // And it went on in many steps, not at the end.
  expect(after.length).toBeGreaterThan(10);
  // From the first moment that it was there, it was never gone.
  const loaded = texts.slice(reload + 1) as string[];
  expect(loaded.slice(loaded.findIndex((text) => text !== '')).includes('')).toBe(false);
});

test('a reload of long answers draws their end first, then the rest in steps above it, and stays at the end', async () => {
  const paragraphs = Array.from({ length: 120 }, (_, index) => `Paragraph ${index} with **a few** words. `.repeat(4));
  for (const question of ['One', 'Two']) {
    await chat.ask(question);
    await model.say(paragraphs.join('\n\n'));
    await model.end();
    await chat.finished(question === 'One' ? 1 : 2);
  }
  await chat.page.addInitScript(() => {
    const seen: { blocks: number; last: string; fromEnd: number }[] = [];
    Object.assign(window, { seen });
    const look = () => {
      const blocks = document.querySelectorAll('.block');
      const box = document.querySelector('.scroller');
      if (blocks.length > 0 && blocks.length !== seen.at(-1)?.blocks && box !== null)
        seen.push({
          blocks: blocks.length,
          last: [...blocks].at(-1)?.textContent ?? '',
          fromEnd: box.scrollHeight - box.scrollTop - box.clientHeight,
        });
      // After what the frame has drawn, and its observers.
      requestAnimationFrame(() => setTimeout(look));
    };
    look();
  });
  await chat.page.reload();
  await expect.poll(() => chat.page.locator('.block').count()).toBe(240);
  type Seen = { blocks: number; last: string; fromEnd: number };
  const seen = await chat.page.evaluate(() => (window as unknown as { seen: Seen[] }).seen);
  expect(seen[0]?.blocks).toBeLessThan(60);
  expect(seen.length).toBeGreaterThan(5);
  for (const { last, fromEnd } of seen) {
    expect(last).toContain('Paragraph 119');
    expect(fromEnd).toBeLessThan(48);
  }
  expect(await chat.page.locator('.column').getAttribute('aria-busy')).toBe('false');
  expect(await questions(chat.page)).toEqual(['One', 'Two']);
});

test('a reload of a conversation never shows the page of a new one, not for a frame', async () => {
  const seen: string[] = [];
  await chat.page.exposeFunction('seen', (text: string) => void seen.push(text));
  await chat.ask('Count');
  await count(1, 10);
  await chat.shows(numbers(1, 10));
  await chat.page.addInitScript(() => {
    const { seen } = window as unknown as { seen(text: string): void };
    const look = () => {
      for (const part of ['.empty', '.loading', '.answer']) if (document.querySelector(`main ${part}`)) seen(part);
    };
    new MutationObserver(look).observe(document, { subtree: true, childList: true });
  });
  await chat.page.reload();
  await chat.shows(numbers(1, 10));
  expect([...new Set(seen)]).toEqual(['.loading', '.answer']);
});

test('a network that is lost and comes back: the answer goes on at once, not when the next try would be', async () => {
  // The longest waits that chance allows, 2 s and then 4 s; and what waits so long for the next try waits for ever, so
  // that no pace of the machine can pass for the page's hearing of the network.
  await chat.page.addInitScript(() => {
    Math.random = () => 0.999;
    const { setTimeout: wait } = window;
    const longer = (ms = 0) => (ms > 1_500 && ms < 10_000 ? 2 ** 30 : ms);
    Object.assign(window, { setTimeout: (work: () => void, ms?: number) => wait(work, longer(ms)) });
  });
  await chat.page.reload();
  await chat.ask('Count');
  await count(1, 20);
  await chat.shows(numbers(1, 20));
  const texts = await recordTexts(chat.page);
  const context = chat.page.context();
  await context.setOffline(true);
  proxy.cutAll({ reset: true });
  await line(chat, 'The connection broke. Reconnecting…');
  await count(21, 40);
  expect(await chat.text()).toBe(numbers(1, 20).trim());
  await context.setOffline(false);
  await chat.shows(numbers(1, 40));
  await model.end();
  await chat.finished(1);
  expectGrowth(texts.filter((text) => text !== null));
  expect(await chat.text()).toBe(numbers(1, 40).trim());
});

test('credentials that run out in the middle: the text stays, the page says so, and Retry goes on with it', async () => {
  const asked = model.asked;
  await chat.ask('Count');
  await count(1, 20);
  await chat.shows(numbers(1, 20));
  const texts = await recordTexts(chat.page);
  await chat.page.route(/chatkit\?run=/, (route) => route.fulfill({ status: 401, body: '' }));
  proxy.cutAll({ reset: true });
  const alert = chat.page.getByRole('alert');
  await alert.getByText('The server answered with status 401.').waitFor();
  expect(await chat.text()).toBe(numbers(1, 20).trim());
  await count(21, 30);
  await chat.page.unroute(/chatkit\?run=/);
  await alert.getByRole('button', { name: 'Retry' }).click();
  await chat.shows(numbers(1, 30));
  await count(31, 40);
  await model.end();
  await chat.finished(1);
  expect(await chat.text()).toBe(numbers(1, 40).trim());
  expectGrowth(texts.filter((text) => text !== null));
  expect(model.asked - asked).toBe(1);
});

const questions = (page: Page) => page.getByRole('article', { name: 'You' }).allTextContents();

test('a message that is stopped without a network says that it was not sent, and can be', async () => {
  const asked = model.asked;
  await chat.ask('First');
  await model.say('One.');
  await model.end();
  await chat.finished(1);
  const context = chat.page.context();
  await context.setOffline(true);
  await chat.ask('Second');
  await line(chat, 'Reconnecting…');
  await chat.page.getByRole('button', { name: 'Stop' }).click();
  await chat.page.getByRole('alert').getByText('This message was not sent.').waitFor();
  expect(await chat.page.locator('[data-unsent]').allTextContents()).toEqual(['Second']);
  await context.setOffline(false);
  await chat.page.getByRole('button', { name: 'Retry' }).click();
  await model.say('Two.');
  await model.end();
  await chat.finished(2);
  expect(await questions(chat.page)).toEqual(['First', 'Second']);
  expect(await chat.page.locator('[data-unsent]').count()).toBe(0);
  expect(model.asked - asked).toBe(2);
});

test('a message that is stopped before its page knows that it arrived is shown once, as it is after a reload', async () => {
  const { page } = chat;
  await chat.ask('First');
  await model.say('One.');
  await model.end();
  await chat.finished(1);
  // The server has it; nothing of its answer comes back.
  await page.route('**/chatkit', async (route) => {
    const request = route.request();
    if (!request.postData()?.includes('threads.add_user_message')) return route.fallback();
    void page.request.fetch(request).catch(() => {});
  });
  await chat.ask('Second');
  await model.say('Two, ');
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.locator('.stopped').waitFor();
  expect(await questions(page)).toEqual(['First', 'Second']);
  expect(await page.locator('[data-unsent]').count()).toBe(0);
  // Looking at the page again shows the thread as it is stored.
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await page.waitForLoadState('networkidle');
  expect(await questions(page)).toEqual(['First', 'Second']);
  await page.reload();
  await page.locator('.stopped').waitFor();
  expect(await questions(page)).toEqual(['First', 'Second']);
});

// A headless Chromium has no back/forward cache, so the events are the test's.
test('a page that is put away lets go of its connection, and goes on when it is shown again', async () => {
  const pageIs = (what: 'pagehide' | 'pageshow') =>
    chat.page.evaluate((type) => {
      dispatchEvent(new PageTransitionEvent(type, { persisted: true }));
    }, what);
  const locks = () =>
    chat.page.evaluate(async () =>
      (await navigator.locks.query()).held?.filter(({ name }) => /^chatkit:/.test(name ?? '')),
    );
  await chat.ask('Count');
  await count(1, 20);
  await chat.shows(numbers(1, 20));
  expect(await locks()).toHaveLength(1);
  const texts = await recordTexts(chat.page);
  await pageIs('pagehide');
  // Chromium does not keep a page that holds a lock or has an answer under way.
  await expect.poll(locks).toEqual([]);
  await count(21, 40);
  expect(await chat.text()).toBe(numbers(1, 20).trim());
  await pageIs('pageshow');
  await chat.shows(numbers(1, 40));
  await model.end();
  await chat.finished(1);
  expectGrowth(texts.filter((text) => text !== null));
});

test('a connection that is open and dead is noticed', async () => {
  await chat.page.clock.install();
  await chat.page.reload();
  await chat.ask('Count');
  await count(1, 20);
  await chat.shows(numbers(1, 20));
  proxy.blackhole(true);
  await chat.page.clock.fastForward(38_000);
  await line(chat, 'The connection broke. Reconnecting…');
  await model.say('21, ');
  proxy.blackhole(false);
  proxy.cutAll();
  await expect
    .poll(async () => {
      await chat.page.clock.fastForward(2_000);
      return chat.text();
    })
    .toBe(numbers(1, 21).trim());
  await model.end();
  await chat.finished(1);
});

test('a server that is killed: what was written stays, the page says that it is not all, and retry answers', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'chat-killed-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const env = { ...model.env, CHAT_DATABASE: join(folder, 'chat.sqlite') };
  const first = await startDemo(env);
  const { port } = new URL(first.url);
  const page = await openPage(browser, first.url);
  await page.ask('Count');
  await count(1, 30);
  await page.shows(numbers(1, 30));
  first.process.kill('SIGKILL');
  await first.exited;
  await line(page, 'The connection broke. Reconnecting…');
  const again = await startDemo({ ...env, PORT: port });
  onTestFinished(() => again.stop());
  // Not to wait for the next try.
  await page.page.evaluate(() => dispatchEvent(new Event('online')));
  const alert = page.page.getByRole('alert');
  await alert.waitFor();
  expect(await alert.textContent()).toContain('This answer was interrupted.');
  // Once.
  expect(await page.page.locator('.column').getByText('answer was interrupted.').count()).toBe(1);
  // No answer had been stored: what there is comes from the run's log, which may lack its last moment.
  const kept = await page.text();
  expect(kept).toContain('1, 2, 3');
  expect(numbers(1, 30).startsWith(kept)).toBe(true);
  const later = await openTab(page.page.context(), page.page.url());
  await later.page.getByText('This answer was interrupted.').waitFor();
  expect(await later.text()).toBe(kept);

  await alert.getByRole('button', { name: 'Retry' }).click();
  await count(1, 40);
  await model.end();
  await page.finished(1);
  expect(await page.text()).toBe(numbers(1, 40).trim());
  expect(await alert.count()).toBe(0);
  await page.page.context().close();
});

test('a deploy while nobody looks: whoever comes back sees that the answer is not whole, and can have it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'chat-deploy-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const env = { ...model.env, CHAT_DATABASE: join(folder, 'chat.sqlite') };
  const first = await startDemo(env);
  const page = await openPage(browser, first.url);
  await page.ask('Count');
  await count(1, 30);
  await page.shows(numbers(1, 30));
  const address = page.page.url();
  await page.page.goto('about:blank');
  first.process.kill('SIGTERM');
  await first.exited;
  const again = await startDemo({ ...env, PORT: new URL(address).port });
  onTestFinished(() => again.stop());

  const later = await openTab(page.page.context(), address);
  await later.page.getByText('This answer was interrupted.').waitFor();
  expect(await later.text()).toBe(numbers(1, 30).trim());
  const alert = later.page.getByRole('alert');
  await alert.getByRole('button', { name: 'Retry' }).click();
  await count(1, 40);
  await model.end();
  await later.finished(1);
  expect(await later.text()).toBe(numbers(1, 40).trim());
  expect(await alert.count()).toBe(0);
  expect(await later.page.getByText('This answer was interrupted.').count()).toBe(0);
  await page.page.context().close();
});

/** How often the tabs of a context have asked for the stream of a run that is there. */
const attachesOf = (context: BrowserContext) => {
  const seen: string[] = [];
  context.on('request', (request) => {
    if (/[?&]run=/.test(request.url())) seen.push(request.url());
  });
  return seen;
};

test('eight tabs share one stream; when the tab that reads it is closed, another goes on', async () => {
  const context = chat.page.context();
  const attaches = attachesOf(context);
  await chat.ask('Count');
  await count(1, 20);
  await chat.shows(numbers(1, 20));
  const address = chat.page.url();
  const others: DemoPage[] = [];
  // HTTP/1.1 has six connections for all tabs: with a stream for each, the seventh would not even load.
  for (let tab = 2; tab <= 8; tab += 1) others.push(await openTab(context, address));
  const shown = (text: string, who: readonly DemoPage[]) =>
    expect.poll(() => Promise.all(who.map(({ page }) => textOf(page)))).toEqual(who.map(() => text.trim()));
  await shown(numbers(1, 20), [chat, ...others]);
  await count(21, 40);
  await shown(numbers(1, 40), [chat, ...others]);
  // The first tab reads what it began; a headless browser hides no tab, so nobody had to take over.
  expect(attaches).toEqual([]);
  const texts = await Promise.all(others.map(({ page }) => recordTexts(page)));
  const before = attaches.length;
  await chat.page.close();
  await count(41, 60);
  await shown(numbers(1, 60), others);
  expect(attaches.length - before).toBeLessThanOrEqual(1);
  for (const each of texts) expectGrowth(each.filter((text) => text !== null));

  // A stop in one is a stop in all.
  await others.at(-1)?.page.getByRole('button', { name: 'Stop' }).click();
  for (const { page } of others) await page.locator('.stopped').waitFor();
});

test('a tab that shows the same conversation shows a new question and its answer as it is written', async () => {
  await chat.ask('Count');
  await count(1, 10);
  await model.end();
  await chat.finished(1);
  const second = await openTab(chat.page.context(), chat.page.url());
  await second.finished(1);
  await chat.ask('Count again');
  await count(1, 20);
  await second.shows(numbers(1, 20));
  expect(await second.page.getByRole('article', { name: 'You' }).count()).toBe(2);
  await count(21, 30);
  await model.end();
  for (const tab of [chat, second]) {
    await tab.finished(2);
    expect(await tab.text()).toBe(numbers(1, 30).trim());
  }
});

test('a tab that is frozen gives the stream away, and has everything when it is thawed', async () => {
  const context = chat.page.context();
  await chat.ask('Count');
  await count(1, 20);
  await chat.shows(numbers(1, 20));
  const second = await openTab(context, chat.page.url());
  await second.shows(numbers(1, 20));
  const cdp = await context.newCDPSession(chat.page);
  await cdp.send('Page.setWebLifecycleState', { state: 'frozen' });
  await count(21, 40);
  await second.shows(numbers(1, 40));
  await cdp.send('Page.setWebLifecycleState', { state: 'active' });
  await chat.shows(numbers(1, 40));
  await count(41, 50);
  await model.end();
  for (const tab of [chat, second]) {
    await tab.finished(1);
    expect(await tab.text()).toBe(numbers(1, 50).trim());
  }
});
