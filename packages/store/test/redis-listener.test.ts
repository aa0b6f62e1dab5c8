// A connection that listens and has died without an end is left for a new one; one that is slow, or that its client has lost, is not.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRedisLease } from '../src/redis/index.ts';
import type { RedisListening } from '../src/redis/redis-client.ts';
import { listenAlive } from '../src/redis/redis-listener.ts';
import { redisClients } from './redis-clients.ts';
import { startRedisProxy } from './redis-proxy.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

const quietMs = 2_000;

describe('listenAlive', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const start = (ping: (connection: number) => Promise<unknown>) => {
    const open: number[] = [];
    let connections = 0;
    const port = {
      listen(): RedisListening {
        connections += 1;
        const name = connections;
        open.push(name);
        return { ping: () => ping(name), close: () => void open.splice(open.indexOf(name), 1) };
      },
    };
    return { open, end: listenAlive({ port, channel: 'c', hear() {}, quietMs }) };
  };
  const never = (): Promise<never> => new Promise(() => {});
  const after = (ms: number): Promise<unknown> => new Promise((done) => setTimeout(done, ms, 'PONG'));

  it('keeps a connection that answers, or that fails: its client knows', async () => {
    const { open, end } = start((connection) =>
      connection === 1 ? after(quietMs - 100) : Promise.reject(new Error('closed')),
    );
    await vi.advanceTimersByTimeAsync(60_000);
    expect(open).toEqual([1]);
    end();
    expect(open).toEqual([]);
  });

  it('replaces one that says nothing, within twice its time, and the next one too', async () => {
    const { open, end } = start((connection) => (connection < 3 ? never() : after(1)));
    await vi.advanceTimersByTimeAsync(2 * quietMs);
    expect(open).toEqual([2]);
    await vi.advanceTimersByTimeAsync(2 * quietMs);
    expect(open).toEqual([3]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(open).toEqual([3]);
    end();
    await vi.advanceTimersByTimeAsync(quietMs);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not take a process that had no turn for a silent connection', async () => {
    const { open, end } = start(() => after(quietMs * 0.75));
    await vi.advanceTimersByTimeAsync(quietMs * 0.75);
    // Asked, and not looked at since; when it looks a minute has gone by, and the answer lies behind this timer.
    vi.spyOn(performance, 'now').mockReturnValueOnce(performance.now() + 60_000);
    await vi.advanceTimersByTimeAsync(quietMs * 4);
    expect(open).toEqual([1]);
    end();
  });
});

/** Vitest's own would be a second, which a busy machine may need. */
const patience = { timeout: 20_000 };
const probe = await startRedis();
await probe?.stop();

describe.skipIf(probe === undefined).each(Object.entries(redisClients))('over %s', (_, connect) => {
  it('a lease hears stops again after its connection has died without an end', async () => {
    const server = (await startRedis()) as RedisServer;
    const proxy = await startRedisProxy(server.port, (text) => text.toLowerCase().includes('ping'));
    const [near, far] = await Promise.all([connect(proxy.url), connect(server.url)]);
    const deaf = createRedisLease({ client: near.client, ttlMs: 900 });
    const other = createRedisLease({ client: far.client, ttlMs: 900 });
    try {
      const heard: string[] = [];
      deaf.onStop((runId) => void heard.push(runId));
      await other.acquire({ runId: 'run', threadId: 'thread', resumable: true });
      await vi.waitFor(async () => {
        await other.requestStop('run', 'cancel');
        expect(heard).toContain('run');
      }, patience);
      // The next sign of life is lost, and with it the connection: neither end is told.
      await proxy.lose({ lost: 'request', connection: 'silent' });
      heard.length = 0;
      await other.requestStop('run', 'cancel');
      await vi.waitFor(
        async () => {
          await other.requestStop('run', 'cancel');
          expect(heard).toContain('run');
        },
        { ...patience, interval: 100 },
      );
    } finally {
      await Promise.all([deaf.close(), other.close()]);
      near.close();
      far.close();
      await proxy.close();
      await server.stop();
    }
  });

  it('passes over what is no message of ours: an error there would end the process', async () => {
    const server = (await startRedis()) as RedisServer;
    const connected = await connect(server.url);
    const other = await connect(server.url);
    const lease = createRedisLease({ client: connected.client, prefix: 'x' });
    const failed: unknown[] = [];
    const onFailed = (error: unknown) => void failed.push(error);
    process.on('uncaughtException', onFailed);
    try {
      const heard: string[] = [];
      lease.onStop((runId) => void heard.push(runId));
      const publish = (message: string) =>
        'call' in other.client
          ? other.client.call('PUBLISH', ['{x}:stop', message])
          : other.client.sendCommand(['PUBLISH', '{x}:stop', message]);
      await vi.waitFor(async () => {
        for (const message of ['hello', '{}', 'null', '7', '[1,2]', '[]', '["run","cancel"]']) await publish(message);
        expect(heard).toContain('run');
      }, patience);
      expect(failed).toEqual([]);
      expect(new Set(heard)).toEqual(new Set(['run']));
    } finally {
      process.off('uncaughtException', onFailed);
      await lease.close();
      connected.close();
      other.close();
      await server.stop();
    }
  });
});
