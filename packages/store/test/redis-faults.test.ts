/** What happens to runs and readers when a machine or Redis itself goes away, and comes back with or without its data. */
import { formatOffset, type LogEntry, type StreamLog } from '@chatkit/core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createRedisLease, createRedisLog, type RedisLog, type RedisLogOptions } from '../src/redis/index.ts';
import { redisClients } from './redis-clients.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

const entry = (seq: number, epoch = 1): LogEntry => ({
  offset: formatOffset(epoch, seq),
  event: {
    type: 'thread.item.updated',
    item_id: 'a',
    update: { type: 'assistant_message.content_part.text_delta', content_index: 0, delta: `${seq} ` },
  },
});
const end = (seq: number, epoch = 1): LogEntry => ({ offset: formatOffset(epoch, seq), end: 'completed' });
const collect = async (log: StreamLog, run: string, after?: string): Promise<string[]> => {
  const offsets: string[] = [];
  for await (const each of log.read(run, { after })) offsets.push(each.offset);
  return offsets;
};
const offsets = (from: number, to: number, epoch = 1) =>
  Array.from({ length: to - from + 1 }, (_, index) => formatOffset(epoch, from + index));
const outcomeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error) => error.code,
  );
/** Until another machine has read this entry: it is in Redis. */
const untilStored = async (other: StreamLog, run: string, seq: number): Promise<void> => {
  for await (const { offset } of other.read(run)) if (offset === formatOffset(1, seq)) return;
};
const until = async (check: () => boolean): Promise<void> => {
  while (!check()) await new Promise((done) => setTimeout(done, 5));
};

const unhandled: unknown[] = [];
const onUnhandled = (error: unknown) => void unhandled.push(error);
beforeAll(() => void process.on('unhandledRejection', onUnhandled));
afterAll(() => void process.off('unhandledRejection', onUnhandled));

const probe = await startRedis();
await probe?.stop();

// Nothing here takes a second on a quiet machine; what must not happen is that somebody waits for ever.
const patience = { timeout: 120_000 };
describe.skipIf(probe === undefined).each(Object.entries(redisClients))('faults over %s', patience, (_, connect) => {
  const closers: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
    expect(unhandled).toEqual([]);
  });
  const redis = async (options?: { appendonly: boolean }): Promise<RedisServer> => {
    const server = (await startRedis(options)) as RedisServer;
    closers.push(() => server.stop());
    return server;
  };
  const machine = async (server: RedisServer, options: Partial<RedisLogOptions> = {}): Promise<RedisLog> => {
    const { client, close } = await connect(server.url);
    const log = createRedisLog({ client, checkMs: 100, unreachableMs: 10_000, ...options });
    closers.push(async () => {
      await log.close();
      close();
    });
    return log;
  };

  it('goes on after an interruption, without a gap', async () => {
    const server = await redis();
    const [a, b] = [await machine(server), await machine(server)];
    await a.create('run');
    a.append('run', [entry(1)]);
    const readers = [collect(a, 'run'), collect(b, 'run')];
    for (let seq = 2; seq <= 50; seq += 1) {
      if (seq === 20) server.suspend();
      a.append('run', [entry(seq)]);
      if (seq % 5 === 0) await new Promise((done) => setTimeout(done, 30));
      if (seq === 40) server.resume();
    }
    await a.append('run', [end(51)]);
    expect(await Promise.all(readers)).toEqual([offsets(1, 51), offsets(1, 51)]);
  });

  it('serves readers of its own process while Redis is suspended', async () => {
    const server = await redis();
    const a = await machine(server);
    await a.create('run');
    server.suspend();
    const reading = collect(a, 'run');
    for (let seq = 1; seq <= 10; seq += 1) a.append('run', [entry(seq)]);
    const ended = a.append('run', [end(11)]);
    expect(await reading).toEqual(offsets(1, 11));
    server.resume();
    await ended;
    expect(await collect(await machine(server), 'run')).toEqual(offsets(1, 11));
  });

  it('survives a Redis that is killed and comes back with its data', async () => {
    const server = await redis({ appendonly: true });
    const [a, b] = [await machine(server), await machine(server)];
    await a.create('run');
    a.append('run', [entry(1)]);
    const readers = [collect(a, 'run'), collect(b, 'run')];
    for (let seq = 2; seq <= 40; seq += 1) {
      if (seq === 15) await server.kill();
      if (seq === 30) await server.restart();
      a.append('run', [entry(seq)]);
      await new Promise((done) => setTimeout(done, 5));
    }
    await a.append('run', [end(41)]);
    expect(await Promise.all(readers)).toEqual([offsets(1, 41), offsets(1, 41)]);
    expect(await collect(b, 'run', '1-20')).toEqual(offsets(21, 41));
  });

  it('tells everybody log.expired when Redis comes back without its data', async () => {
    const server = await redis();
    const [a, b] = [await machine(server), await machine(server)];
    await a.create('run');
    await a.create('idle');
    a.append('run', [entry(1)]);
    // In this order over one connection: what comes for the second one has come for the first.
    const readers = [collect(a, 'run'), collect(b, 'idle'), collect(b, 'run')].map(outcomeOf);
    await untilStored(b, 'run', 1);
    await server.kill();
    await server.restart();
    const producing = (async () => {
      for (let seq = 2; ; seq += 1) {
        await a.append('run', [entry(seq)]);
        await new Promise((done) => setTimeout(done, 5));
      }
    })();
    expect(await outcomeOf(producing)).toMatch(/^(log\.expired|run\.not_found)$/);
    expect(await Promise.all(readers)).toEqual(['log.expired', 'log.expired', 'log.expired']);
    expect(await outcomeOf(collect(b, 'run'))).toBe('run.not_found');
  });

  it('gives up on a Redis that stays away, with a retryable error', async () => {
    const server = await redis();
    const options = { unreachableMs: 400 };
    const [a, b] = [await machine(server, options), await machine(server, options)];
    const patient = await machine(server);
    await patient.create('run');
    a.append('run', [entry(1)]);
    const readers = [collect(a, 'run'), collect(b, 'run')];
    const outcomes = Promise.all(readers.map(outcomeOf));
    await untilStored(patient, 'run', 1);
    await server.kill();
    a.append('run', [entry(2)]);
    expect(await outcomes).toEqual(['internal', 'internal']);
    expect(await outcomeOf((async () => a.append('run', [end(3)]))())).toBe('internal');
  });

  it('makes the producer wait when Redis falls behind, and no longer', async () => {
    const server = await redis();
    const a = await machine(server, { windowBytes: 4_000 });
    await a.create('run');
    await a.append('run', [entry(1)]);
    server.suspend();
    let room: Promise<void> | undefined;
    let seq = 1;
    while (room === undefined && seq < 1_000) room = a.append('run', [entry(++seq)]);
    expect(seq).toBeGreaterThan(10);
    expect(seq).toBeLessThan(1_000);
    let isRoomy = false;
    void room?.then(() => {
      isRoomy = true;
    });
    await new Promise((done) => setTimeout(done, 50));
    expect(isRoomy).toBe(false);
    server.resume();
    await room;
    await a.append('run', [end(seq + 1)]);
    expect(await collect(a, 'run')).toEqual(offsets(1, seq + 1));
  });

  it('fences off an owner that was taken over, and its readers go on with the next epoch', async () => {
    const server = await redis();
    const [zombie, heir] = [await machine(server), await machine(server)];
    await zombie.create('run');
    for (let seq = 1; seq <= 3; seq += 1) zombie.append('run', [entry(seq)]);
    const there: string[] = [];
    const reading = (async () => {
      for await (const each of zombie.read('run')) there.push(each.offset);
    })();
    const elsewhere = collect(heir, 'run');
    await until(() => there.length === 3);
    await untilStored(await machine(server), 'run', 3);

    await heir.create('run');
    await heir.append('run', [entry(1, 2)]);
    const late = outcomeOf(
      (async () => {
        for (let seq = 4; ; seq += 1) {
          await zombie.append('run', [entry(seq)]);
          await new Promise((done) => setTimeout(done, 5));
        }
      })(),
    );
    expect(await late).toBe('run.interrupted');
    await heir.append('run', [{ offset: '2-2', end: 'interrupted' }]);
    await reading;
    // It had heard of some that never reached the log.
    expect(there.slice(0, 3)).toEqual(offsets(1, 3));
    expect(there.slice(-2)).toEqual(offsets(1, 2, 2));
    expect(await elsewhere).toEqual([...offsets(1, 3), ...offsets(1, 2, 2)]);
    expect(await collect(zombie, 'run')).toEqual(await elsewhere);
    expect(await outcomeOf((async () => zombie.append('run', [entry(99)]))())).toBe('log.closed');
  });

  it('tells readers of an owner that was taken over and has fallen silent', async () => {
    const server = await redis();
    const [owner, heir] = [await machine(server), await machine(server)];
    await owner.create('run');
    for (let seq = 1; seq <= 3; seq += 1) owner.append('run', [entry(seq)]);
    const reading = collect(owner, 'run');
    await untilStored(await machine(server), 'run', 3);
    await heir.create('run');
    await heir.append('run', [entry(1, 2), { offset: '2-2', end: 'interrupted' }]);
    expect(await reading).toEqual([...offsets(1, 3), ...offsets(1, 2, 2)]);
  });

  it('tells readers of a silent owner that the run was deleted elsewhere', async () => {
    const server = await redis();
    const [owner, other] = [await machine(server), await machine(server)];
    await owner.create('run');
    owner.append('run', [entry(1)]);
    const reading = outcomeOf(collect(owner, 'run'));
    await untilStored(await machine(server), 'run', 1);
    await other.delete('run');
    expect(await reading).toBe('log.expired');
  });

  it('lets one machine write in an epoch', async () => {
    const server = await redis();
    const [a, b] = [await machine(server), await machine(server)];
    await a.create('run');
    await b.create('run');
    await a.append('run', [entry(1)]);
    await a.append('run', [entry(2), entry(3)]);
    await untilStored(await machine(server), 'run', 3);
    expect(await outcomeOf((async () => b.append('run', [entry(2)]))())).toBe('run.interrupted');
    expect(await outcomeOf((async () => b.append('run', [end(9)]))())).toBe('run.interrupted');
    await a.append('run', [end(4)]);
    expect(await collect(b, 'run')).toEqual(offsets(1, 4));
  });

  it('ends readers elsewhere of a run whose lease has ended without it', async () => {
    const server = await redis();
    const [a, b] = [await machine(server), await machine(server)];
    const { client, close } = await connect(server.url);
    closers.push(close);
    const lease = createRedisLease({ client });
    const claim = { runId: 'run', threadId: 'thread', resumable: true };
    await lease.acquire(claim);
    await a.create('run');
    await a.append('run', [entry(1)]);
    const reading = outcomeOf(collect(b, 'run'));
    await lease.release({ ...claim, epoch: 1 }, 'failed');
    expect(await reading).toBe('log.expired');
  });
});
