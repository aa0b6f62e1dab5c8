/** The demo in the browsers that Playwright does not drive: Firefox, and WebKitGTK, which has the engine of Safari. */
import { createFaultProxy } from '@chatkit/testing/node';
import { expect, onTestFinished, test } from 'vitest';
import type { EngineTab } from '../../../scripts/engine.ts';
import { findFirefox, launchFirefox } from '../../../scripts/firefox.mjs';
import { findWebKit, launchWebKit } from '../../../scripts/webkit.mjs';
import { startSlowModel } from './e2e/slow-model.ts';
import { startDemo } from './e2e/start-demo.ts';

const engines = [
  { name: 'Firefox', isHere: findFirefox() !== undefined, launch: launchFirefox },
  { name: 'WebKitGTK', isHere: findWebKit() !== undefined, launch: launchWebKit },
];
for (const { name, isHere } of engines)
  if (!isHere) console.warn(`SKIPPED: there is no ${name}, so the demo is not tried in it.`);

const enter = '\uE007';
const numbers = (to: number) => Array.from({ length: to }, (_, index) => `${index + 1}, `).join('');

const text = (tab: EngineTab): Promise<string> =>
  tab.evaluate(`[...document.querySelectorAll('.answer .prose')].at(-1)?.textContent ?? ''`);
/** While a page loads, there is nothing to ask. */
const shows = (tab: EngineTab, to: number) => expect.poll(() => text(tab).catch(String)).toBe(numbers(to).trim());
const sees = (tab: EngineTab, condition: string) => expect.poll(() => tab.evaluate(condition).catch(String)).toBe(true);
const click = (tab: EngineTab, label: string) =>
  tab.evaluate(`document.querySelector('[aria-label="${label}"]').click()`);

for (const { name, isHere, launch } of engines) {
  test.skipIf(!isHere)(`${name}: an answer survives a reload and a cut, is shared by two tabs, and stops`, async () => {
    const model = await startSlowModel();
    onTestFinished(() => model.close());
    const demo = await startDemo(model.env);
    onTestFinished(() => demo.stop());
    const proxy = await createFaultProxy({ port: Number(new URL(demo.url).port) });
    onTestFinished(() => proxy.close());
    const engine = await launch();
    onTestFinished(() => engine.close());
    let said = 0;
    const count = async (to: number) => {
      while (said < to) await model.say(`${++said}, `);
    };

    const { tab } = engine;
    await tab.goto(proxy.url);
    await sees(tab, `document.querySelector('textarea') !== null`);
    await tab.evaluate(`document.querySelector('textarea').focus()`);
    await tab.press(...'Count', enter);
    await count(20);
    await shows(tab, 20);

    const address = await tab.evaluate('location.href');
    await tab.goto(address);
    await count(40);
    await shows(tab, 40);

    proxy.cutAll({ reset: true });
    await count(60);
    await shows(tab, 60);

    const second = await engine.newTab();
    await second.goto(address);
    await count(80);
    await shows(second, 80);

    await click(second, 'Stop');
    for (const each of [second, tab]) await sees(each, `document.querySelector('.stopped') !== null`);
    expect(engine.complaints).toEqual([]);
  });
}
