import { startFaulty } from '../faulty-server.mjs';
import { watch, words } from './_answer.mjs';

export const question = 'Words every 30 ms, with the log on that makes the answer resumable: first word, largest gap';
export const needs = ['chat', 'log'];
export async function run(toolkit) {
  const proxy = await startFaulty(toolkit.serve((signal) => words(signal, { gapMs: 30 })));
  await watch(toolkit, undefined, { restMs: 0 }); // with warm code
  const chat = toolkit.chat(proxy.url);
  const begun = performance.now();
  let text = '';
  let first;
  let changedAt;
  let gap = 0;
  chat.send('Hello');
  await new Promise((resolve) => {
    const timer = setInterval(() => {
      const look = chat.look();
      const now = performance.now();
      if (look.text !== text) {
        first ??= now - begun;
        if (changedAt !== undefined) gap = Math.max(gap, now - changedAt);
        changedAt = now;
        text = look.text;
      }
      if (look.state === 'complete' || now - begun > 8000) {
        clearInterval(timer);
        resolve();
      }
    }, 2);
  });
  chat.close();
  proxy.close();
  return { ok: first < 200 && gap < 200, seen: `${Math.round(first)} ms, ${Math.round(gap)} ms` };
}
