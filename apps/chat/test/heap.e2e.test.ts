import type { CDPSession } from 'playwright';
import { expect, test } from 'vitest';
import { launchBrowser, openPage } from './e2e/open-page.ts';
import { startDemo } from './e2e/start-demo.ts';

const usedBytes = async (cdp: CDPSession): Promise<number> => {
  // Twice: finalisers of the first collection free what the second finds.
  for (let turn = 0; turn < 2; turn += 1) await cdp.send('HeapProfiler.collectGarbage');
  return (await cdp.send('Runtime.getHeapUsage')).usedSize;
};

test('the heap stays flat over 50 answers', async () => {
  const [browser, demo] = await Promise.all([launchBrowser(), startDemo({ CHAT_PACE: '0' })]);
  try {
    const chat = await openPage(browser, demo.url);
    const cdp = await chat.page.context().newCDPSession(chat.page);
    await cdp.send('HeapProfiler.enable');
    const startAfresh = () => chat.page.getByRole('button', { name: 'New conversation' }).click();
    const converse = async (answers: number) => {
      for (let count = 1; count <= answers; count += 1) {
        await chat.ask('What happens when a client disconnects?');
        await chat.finished(count);
      }
      await startAfresh();
      await chat.page.getByRole('heading', { name: 'Ask something, then break it' }).waitFor();
    };
    // What the engine compiles and caches in the beginning is no leak.
    await converse(25);
    const before = await usedBytes(cdp);
    await converse(25);
    await converse(25);
    const after = await usedBytes(cdp);
    expect(after / before).toBeLessThan(1.15);
  } finally {
    await browser.close();
    await demo.stop();
  }
}, 120_000);
