import { setTimeout as sleep } from 'node:timers/promises';

export const question = 'Two messages to one thread at once: how many answers does the server write at a time';
export const needs = ['ask'];
export async function run(toolkit) {
  let running = 0;
  let most = 0;
  let isCounting = false;
  async function* source(signal) {
    if (isCounting) most = Math.max(most, ++running);
    try {
      for (let i = 0; i < 20 && !signal?.aborted; i++) {
        yield `word${i} `;
        await sleep(isCounting ? 20 : 0);
      }
    } finally {
      running--;
    }
  }
  const handler = toolkit.serve(source);
  const thread = await toolkit.openThread(handler);
  isCounting = true;
  running = 0;
  const read = async (asked) => (await asked).text();
  await Promise.all([read(toolkit.ask(handler, thread)), read(toolkit.ask(handler, thread))]);
  return { ok: most === 1, seen: String(most) };
}
