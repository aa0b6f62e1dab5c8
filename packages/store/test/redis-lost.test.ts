// An append, or the answer to it, is lost with its connection. Whoever reads the run, here or elsewhere, notices nothing.
import { formatOffset, type LogEntry, type RunLease, textDelta } from '@chatkit/core';
import { collect } from '@chatkit/stream';
import { afterEach, describe, expect, it } from 'vitest';
import { createRedisLease, createRedisLog, type RedisLog } from '../src/redis/index.ts';
import { redisClients } from './redis-clients.ts';
import { type Loss, startRedisProxy } from './redis-proxy.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

const probe = await startRedis();
await probe?.stop();

const entry = (seq: number): LogEntry => ({ offset: formatOffset(1, seq), event: textDelta('a', `${seq} `) });
const losses: Loss[] = (['request', 'answer'] as const).flatMap((lost) =>
  (['cut', 'silent'] as const).map((connection) => ({ lost, connection })),
);
const patience = { timeout: 60_000 };

describe.skipIf(probe === undefined).each(Object.entries(redisClients))('over %s', patience, (_, connect) => {
  const closers: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  const machine = async (url: string): Promise<RedisLog> => {
    const { client, close } = await connect(url);
    const log = createRedisLog({ client, checkMs: 100, unreachableMs: 4_000 });
    closers.push(async () => {
      await log.close();
      close();
    });
    return log;
  };

  it.each(losses)('a $connection connection with the $lost lost: the run goes on, each entry once', async (loss) => {
    const server = (await startRedis()) as RedisServer;
    closers.push(() => server.stop());
    const proxy = await startRedisProxy(server.port, (text) => text.includes('lost '));
    closers.push(() => proxy.close());
    const [a, b] = [await machine(proxy.url), await machine(server.url)];
    const count = 40;
    const all = Array.from({ length: count }, (_, index) => entry(index + 1));
    const end: LogEntry = { offset: formatOffset(1, count + 1), end: 'completed' };
    await a.create('lost');
    await a.append('lost', [all[0] as LogEntry]);
    const readers = [collect(a.read('lost')), collect(b.read('lost'))];
    for (const reader of readers) reader.catch(() => {});
    await new Promise((done) => setTimeout(done, 60));
    for (const each of all.slice(1)) {
      if (each === all[10]) void proxy.lose(loss);
      await a.append('lost', [each]);
      await new Promise((done) => setTimeout(done, 4));
    }
    await a.append('lost', [end]);
    expect(await Promise.all(readers)).toEqual([
      [...all, end],
      [...all, end],
    ]);
    expect(await collect(b.read('lost', { after: '1-7' }))).toEqual([...all.slice(7), end]);
    // What comes later needs no other connection than the reader's on that machine.
    await a.create('next');
    await a.append('next', [entry(1), { offset: '1-2', end: 'completed' }]);
    expect((await collect(a.read('next', { after: '1-1' }))).length).toBe(1);
  });

  it.each(losses.filter(({ connection }) => connection === 'silent'))(
    'a $connection connection with the $lost lost: a run begins, once',
    async (loss) => {
      const server = (await startRedis()) as RedisServer;
      closers.push(() => server.stop());
      const proxy = await startRedisProxy(server.port, (text) => text.includes('lost'));
      closers.push(() => proxy.close());
      const { client, close } = await connect(proxy.url);
      const other = await connect(server.url);
      closers.push(close, other.close);
      const [lease, elsewhere] = [client, other.client].map((each) =>
        createRedisLease({ client: each, ttlMs: 20_000, unreachableMs: 4_000 }),
      ) as [RunLease, RunLease];
      closers.push(
        () => lease.close(),
        () => elsewhere.close(),
      );
      const claim = { runId: 'lost', threadId: 'thread', resumable: true };
      void proxy.lose(loss);
      expect(await lease.acquire(claim)).toMatchObject({ granted: { runId: 'lost', epoch: 1 } });
      expect(await lease.acquire(claim)).toMatchObject({ heldBy: { runId: 'lost' } });
      expect(await elsewhere.acquire(claim)).toMatchObject({ heldBy: { runId: 'lost' } });
      expect(await elsewhere.acquire({ ...claim, runId: 'b' })).toMatchObject({ heldBy: { runId: 'lost' } });
      expect(await lease.renew({ ...claim, epoch: 1 })).toEqual({ held: true });

      const [log, there] = [await machine(proxy.url), await machine(server.url)];
      void proxy.lose(loss);
      await log.create('lost');
      await log.append('lost', [entry(1)]);
      await there.create('lost');
      await log.append('lost', [{ offset: '1-2', end: 'completed' }]);
      for (const each of [log, there]) expect(await collect(each.read('lost'))).toHaveLength(2);
    },
  );

  it.each(losses.filter(({ connection }) => connection === 'silent'))(
    'a $connection connection with the $lost lost: the lease is kept',
    async (loss) => {
      const server = (await startRedis()) as RedisServer;
      closers.push(() => server.stop());
      const proxy = await startRedisProxy(server.port, (text) => text.includes('\r\nlost\r\n'));
      closers.push(() => proxy.close());
      const { client, close } = await connect(proxy.url);
      closers.push(close);
      const lease = createRedisLease({ client, ttlMs: 3_000, unreachableMs: 10_000 });
      closers.push(() => lease.close());
      const claim = { runId: 'lost', threadId: 'thread', resumable: true };
      await lease.acquire(claim);
      const held = { ...claim, epoch: 1 };
      const gone = proxy.lose(loss);
      const until = performance.now() + 4_000;
      const answers: unknown[] = [];
      while (performance.now() < until) {
        answers.push(await lease.renew(held).catch((error) => error));
        await new Promise((done) => setTimeout(done, 300));
      }
      await gone;
      expect(answers.at(-1)).toEqual({ held: true });
      expect(
        answers.filter((answer) => typeof answer === 'object' && answer !== null && 'held' in answer),
      ).not.toContainEqual({ held: false });
      await lease.release(held, 'completed');
      expect(await lease.find('lost')).toMatchObject({ outcome: 'completed' });
    },
  );
});
