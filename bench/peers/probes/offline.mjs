import { verdict, watch } from './_answer.mjs';

export const question = 'A reset, then 5 s without a network';
export const needs = ['chat'];
export async function run(toolkit) {
  let cutAt;
  return verdict(
    await watch(
      toolkit,
      (request) => {
        if (request === 0) {
          cutAt = performance.now() + 700;
          return { before: 'word40 ', end: 'reset' };
        }
        return performance.now() < cutAt + 5000 ? { refuse: true } : undefined;
      },
      { forMs: 25_000, restMs: 6000 },
    ),
  );
}
