import { setTimeout as sleep } from 'node:timers/promises';

export const question = 'Smoothing: Chinese text that takes 700 ms to come; first piece, number of pieces';
export const needs = ['smooth'];
export async function run(toolkit) {
  async function* source() {
    for (const piece of '今天天气很好我们一起去公园散步吧然后再去吃饭喝茶聊天'.match(/.{1,2}/gu)) {
      yield piece;
      await sleep(50);
    }
  }
  const begun = performance.now();
  let pieces = 0;
  let first;
  for await (const _ of toolkit.smooth(source())) {
    first ??= performance.now() - begun;
    pieces++;
  }
  return { ok: pieces > 5 && first < 100, seen: `${Math.round(first)} ms, ${pieces}` };
}
