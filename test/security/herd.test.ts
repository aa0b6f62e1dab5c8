// On real sockets: a server with a thousand readers is gone from one moment to the next, and comes back.
import { createChatClient } from '@chatkit/client';
import { expect, test } from 'vitest';
import { listen, until } from './support.ts';

const count = 1_000;

/** A clock for many: all that is due when it moves runs at once. */
const handClock = () => {
  let now = 1;
  const timers = new Set<{ at: number; run(): void }>();
  return {
    now: () => now,
    setTimeout(run: () => void, ms: number) {
      const timer = { at: now + ms, run };
      timers.add(timer);
      return timer;
    },
    clearTimeout: (timer: unknown) => void timers.delete(timer as never),
    /** How many timers are due later than that. */
    later: (ms: number) => [...timers].filter(({ at }) => at > now + ms).length,
    /** Moves on. */
    pass(ms: number): void {
      now += ms;
      const due = [...timers].filter(({ at }) => at <= now);
      for (const timer of due) timers.delete(timer);
      for (const { run } of due) run();
    },
  };
};

test.each([
  ['without a word', 0],
  ['with 503 and Retry-After', 20],
])(
  'a thousand clients that lose their server %s come back spread out, each once',
  async (_how, retryAfter) => {
    const clock = handClock();
    let mode: 'streams' | 'refuses' | 'ends' = 'streams';
    const { http, port } = await listen((request, response) => {
      request.resume();
      if (mode === 'refuses') return void response.writeHead(503, { 'retry-after': `${retryAfter}` }).end();
      response.writeHead(200, { 'content-type': 'text/event-stream', 'chatkit-run-id': 'r' });
      if (mode === 'streams') response.write('id: 1-1\nretry: 2000\n\n');
      else response.end('id: 9-9\nevent: end\ndata: {"outcome":"completed"}\n\n');
    });

    let asked = 0;
    let answered = 0;
    /** How much later than allowed each client has come back. */
    const delays: number[] = [];
    const clients = Array.from({ length: count }, () => {
      let from = clock.now();
      return createChatClient({
        url: `http://127.0.0.1:${port}/chatkit`,
        extensions: true,
        clock,
        async fetch(input, init) {
          asked++;
          if (mode === 'ends') delays.push(clock.now() - from);
          const response = await fetch(input, init);
          if (response.status === 503) from = clock.now() + retryAfter * 1_000;
          answered++;
          return response;
        },
        scheduler: (flush) => {
          flush();
          return () => {};
        },
      });
    });
    const runs = clients.map((client) => client.send('hi'));
    const are = (connection: string) => clients.every((client) => client.getSnapshot().connection === connection);
    await until(() => are('live'));
    http.closeAllConnections();
    await until(() => are('reconnecting'));

    /** Lets time pass until everybody has asked once more, no faster than the server answers. */
    const comeBack = async (stepMs: number): Promise<void> => {
      asked = answered = 0;
      while (asked < count) {
        clock.pass(stepMs);
        await new Promise((resolve) => setImmediate(resolve));
        await until(() => answered === asked);
      }
    };
    if (retryAfter > 0) {
      mode = 'refuses';
      await comeBack(100);
      // Everybody waits for the time that was named.
      await until(() => clock.later(15_000) === count);
    }
    mode = 'ends';
    await comeBack(20);
    expect(await Promise.all(runs.map(({ done }) => done))).toEqual(Array(count).fill('completed'));
    expect(asked).toBe(count);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(0);
    // In ten equal parts of the window no part has more than twice its share.
    const window = Math.max(...delays) + 1;
    const parts = Array<number>(10).fill(0);
    for (const delay of delays) {
      const part = Math.floor((delay * 10) / window);
      parts[part] = (parts[part] as number) + 1;
    }
    expect(window).toBeGreaterThan(400);
    expect(Math.max(...parts)).toBeLessThanOrEqual((2 * count) / 10);
  },
  60_000,
);
