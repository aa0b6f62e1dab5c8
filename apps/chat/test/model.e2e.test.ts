/** The same page with a model behind it: errors, retry, and Markdown from somebody who is not trusted. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser, openPage } from './e2e/open-page.ts';
import { type Demo, startDemo } from './e2e/start-demo.ts';

let browser: Browser;
let demo: Demo;
/** What the model does next. */
let next: (response: ServerResponse) => void = () => {};

const model = createServer((request, response) => {
  request.resume();
  request.on('end', () => next(response));
});

beforeAll(async () => {
  await new Promise<void>((resolve) => model.listen(0, '127.0.0.1', resolve));
  const { port } = model.address() as AddressInfo;
  [browser, demo] = await Promise.all([
    launchBrowser(),
    startDemo({ OPENAI_API_KEY: 'test', OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1`, OPENAI_MODEL: 'tiny' }),
  ]);
});
afterAll(async () => {
  await browser?.close();
  await demo?.stop();
  model.closeAllConnections();
  model.close();
});

const says = (text: string) => (response: ServerResponse) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const content of text.match(/[\s\S]{1,12}/g) ?? [])
    response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`);
  response.end('data: [DONE]\n\n');
};
const refuses = (status: number) => (response: ServerResponse) => {
  response.writeHead(status, { 'content-type': 'application/json', 'retry-after-ms': '1' }).end('{"error":{}}');
};

test('an error is shown with its reason, and retry asks again', async () => {
  const chat = await openPage(browser, demo.url);
  next = refuses(429);
  await chat.ask('What is a run?');
  const alert = chat.page.getByRole('alert');
  await alert.waitFor();
  expect(await alert.textContent()).toContain('The model is busy');
  next = says('A run is one execution of `respond()`.');
  await alert.getByRole('button', { name: 'Retry' }).click();
  // The button goes, and the focus with it, unless it is moved before.
  await alert.waitFor({ state: 'detached' });
  expect(await chat.field.evaluate((field) => field === document.activeElement)).toBe(true);
  await chat.finished(1);
  expect(await chat.text()).toContain('A run is one execution of respond().');
  expect(await alert.count()).toBe(0);
  expect(await chat.page.getByRole('article', { name: 'You' }).count()).toBe(1);
  await chat.page.context().close();
});

test('an error that trying again cannot mend offers no retry', async () => {
  const chat = await openPage(browser, demo.url);
  next = refuses(401);
  await chat.ask('What is a run?');
  const alert = chat.page.getByRole('alert');
  await alert.waitFor();
  expect(await alert.textContent()).toContain('OPENAI_API_KEY');
  expect(await alert.getByRole('button').count()).toBe(0);
  await chat.page.context().close();
});

test('stop in the page ends the request to the model, and says so', async () => {
  const chat = await openPage(browser, demo.url);
  let ended: (() => void) | undefined;
  const gone = new Promise<void>((resolve) => {
    ended = resolve;
  });
  next = (response) => {
    response.on('close', () => ended?.());
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'A run is' } }] })}\n\n`);
  };
  await chat.ask('What is a run?');
  await chat.grownTo(8);
  await chat.page.getByRole('button', { name: 'Stop' }).click();
  await gone;
  await chat.page.locator('.stopped').waitFor();
  expect(await chat.text()).toBe('A run is');
  expect(await chat.page.getByRole('alert').count()).toBe(0);
  await chat.page.context().close();
});

test('HTML, images and scripts of a model do nothing', async () => {
  const chat = await openPage(browser, demo.url);
  const asked: string[] = [];
  chat.page.on('request', (request) => asked.push(request.url()));
  next = says(
    [
      '<img src="http://tracker.invalid/a.png" onerror="window.hit = 1"><script>window.hit = 1</script>',
      '![pixel](http://tracker.invalid/b.png)',
      '[click](javascript:window.hit=1) and [data](data:text/html,<script>window.hit=1</script>)',
      '[site](https://example.com/)',
      '<a href="javascript:window.hit=1">raw</a>',
    ].join('\n\n'),
  );
  await chat.ask('Be evil');
  await chat.finished(1);
  const answer = chat.answers.last();
  expect(await answer.locator('img, script, iframe').count()).toBe(0);
  const links = await answer
    .locator('.prose a')
    .evaluateAll((all) => all.map((each) => [each.getAttribute('href'), each.getAttribute('rel')]));
  for (const [href] of links) expect(href ?? '').not.toMatch(/^(?:javascript|data):/i);
  expect(links).toContainEqual(['https://example.com/', 'noopener noreferrer nofollow']);
  expect(await chat.page.evaluate(() => (window as unknown as { hit?: number }).hit)).toBeUndefined();
  expect(asked.filter((url) => url.includes('tracker'))).toEqual([]);
  await chat.page.context().close();
});
