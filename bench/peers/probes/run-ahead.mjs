import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';

export const question = 'The reader takes one piece and stops: how many words are made in the next half second';
export const needs = ['ask'];
export async function run(toolkit) {
  let made = 0;
  async function* source(signal) {
    while (made < 1_000_000 && !signal?.aborted) {
      yield 'word ';
      if (++made % 100 === 0) await turn();
    }
  }
  const response = await toolkit.ask(toolkit.serve(source));
  const reader = response.body.getReader();
  await reader.read();
  await sleep(500);
  const first = made;
  await sleep(500);
  const isHeld = made === first;
  await reader.cancel().catch(() => {});
  return {
    ok: isHeld,
    seen: isHeld
      ? `${first.toLocaleString('en')}, then it waits`
      : `${made.toLocaleString('en')} after a second, and no end`,
  };
}
