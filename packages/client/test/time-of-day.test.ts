// Somebody sets the clock of the machine that the client runs on. What the client waits for comes no later for it.
import { afterEach, expect, test, vi } from 'vitest';
import { createChatClient } from '../src/index.ts';
import { pageClock } from '../src/ports.ts';

const hour = 3_600_000;
const { now } = Date;
afterEach(() => void vi.restoreAllMocks());

/** Sets the time of day; it goes on from there. */
const setTime = (byMs: number): void => void vi.spyOn(Date, 'now').mockImplementation(() => now() + byMs);

test('a connection that is down is asked for again in time, though the clock is set back by an hour', async () => {
  const asked: string[] = [];
  const client = createChatClient({
    url: 'http://localhost/chat',
    extensions: true,
    connection: { floorMs: 200, baseMs: 200 },
    fetch: async (_url, init) => {
      asked.push(String(init?.method));
      if (asked.length === 1) throw new TypeError('fetch failed');
      const error = { code: 'request.invalid', message: 'Enough.', retryable: false };
      return Response.json({ error }, { status: 400 });
    },
  });
  client.subscribe(() => client.getSnapshot().connection === 'reconnecting' && setTime(-hour));
  expect(await client.send('hi').done).toBe('failed');
  expect(Date.now() - now()).toBeLessThan(-hour / 2);
  expect(asked).toEqual(['POST', 'POST']);
});

test('the clock counts the time asleep, in which the monotonic one may stand still, and never goes back', () => {
  let wall = 1_000_000;
  let awake = 5_000;
  vi.spyOn(Date, 'now').mockImplementation(() => wall);
  vi.spyOn(performance, 'now').mockImplementation(() => awake);
  const elapsed = (wallMs: number, awakeMs: number): number => {
    const before = pageClock.now();
    wall += wallMs;
    awake += awakeMs;
    return pageClock.now() - before;
  };
  pageClock.now();
  expect(elapsed(10, 10)).toBe(10);
  expect(elapsed(hour, 5)).toBe(hour);
  expect(elapsed(5 - hour, 5)).toBe(5);
  // The sleep that follows counts in full.
  expect(elapsed(60_000, 5)).toBe(60_000);
  // A slow clock, and one that is rounded to 100 ms.
  for (let step = 0; step < 100; step += 1) {
    const passed = elapsed(step % 10 === 0 ? 100 : 0, 10);
    expect(passed).toBeGreaterThanOrEqual(0);
    expect(passed).toBeLessThanOrEqual(110);
  }
  expect(elapsed(-3 * hour, 20)).toBe(20);
});
