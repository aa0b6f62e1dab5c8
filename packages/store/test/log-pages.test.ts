// A page is asked for again when the answer fails or never comes, and not for ever.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createFetchPage } from '../src/redis/log-pages.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const page = ['1-1', '', [['1-1', ['p', '', 'e', '[["a",0,"x"]]']]], ''];
const createFetch = (answers: (() => Promise<unknown>)[], unreachableMs = 10_000) => {
  const script = vi.fn(() => (answers.shift() ?? (() => Promise.reject(new Error('Gone.'))))());
  const isLost = vi.fn<(sentAt: number) => boolean>(() => true);
  return { script, isLost, fetchPage: createFetchPage({ script, keysOf: () => ['k'], unreachableMs, isLost }) };
};
const never = () => new Promise(() => {});

it('asks again when the answer fails or never comes', async () => {
  const { script, isLost, fetchPage } = createFetch([
    never,
    () => Promise.reject(new Error('Gone.')),
    async () => page,
  ]);
  const sentAt = performance.now();
  const fetched = fetchPage('run', undefined, 10);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(await fetched).toMatchObject({ tail: '1-1', isWhole: true, entries: [{ offset: '1-1' }] });
  expect(script).toHaveBeenCalledTimes(3);
  // The one that failed was not late.
  expect(isLost.mock.calls).toEqual([[sentAt]]);
  expect(vi.getTimerCount()).toBe(0);
});

it.each([
  ['fails', []],
  ['never comes', Array(20).fill(never)],
])('gives up after its time when every answer %s', async (_, answers) => {
  const { fetchPage } = createFetch(answers);
  const fetched = fetchPage('run', undefined, 10);
  let settledAt: number | undefined;
  const start = performance.now();
  fetched.catch(() => {
    settledAt = performance.now();
  });
  await vi.advanceTimersByTimeAsync(8_000);
  expect(settledAt).toBeUndefined();
  await vi.advanceTimersByTimeAsync(3_000);
  expect((settledAt ?? Number.POSITIVE_INFINITY) - start).toBeLessThanOrEqual(11_000);
  await expect(fetched).rejects.toThrow();
});
