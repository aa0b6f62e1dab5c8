/**
 * A page on the demo, behind a proxy that can fail, with a model that says what the test says. Whoever imports this has
 * it started before the first test of the file and ended after the last, and a new page for each test.
 */
import { createFaultProxy, type FaultProxy } from '@chatkit/testing/node';
import type { Browser } from 'playwright';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { type DemoPage, launchBrowser, openPage } from './open-page.ts';
import { type SlowModel, startSlowModel } from './slow-model.ts';
import { type Demo, startDemo } from './start-demo.ts';

export let browser: Browser;
export let demo: Demo;
export let model: SlowModel;
export let proxy: FaultProxy;
export let chat: DemoPage;

beforeAll(async () => {
  model = await startSlowModel();
  [browser, demo] = await Promise.all([launchBrowser(), startDemo(model.env)]);
  proxy = await createFaultProxy({ port: Number(new URL(demo.url).port) });
});
afterAll(async () => {
  await browser?.close();
  await proxy?.close();
  await demo?.stop();
  model?.close();
});
beforeEach(async () => {
  chat = await openPage(browser, proxy.url);
});
afterEach(async () => {
  await chat.page.context().close();
  proxy.setFaults({});
  proxy.blackhole(false);
  model.reset();
});

/** What the model says between two numbers. */
export const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => `${from + index}, `).join('');

/** Has the model say the numbers one by one. */
export const count = async (from: number, to: number, pauseMs = 4) => {
  for (let each = from; each <= to; each += 1) {
    await model.say(numbers(each, each));
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
};
