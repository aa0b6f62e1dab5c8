/**
 * What happens to runs and leases when Redis refuses commands for a while: as a primary that has become a replica until
 * its address leads to the new primary, and without memory.
 */
import { createServer, type Server, Socket } from 'node:net';
import { formatOffset, type LogEntry, type RunLease, type StreamLog } from '@chatkit/core';
import { afterEach, describe, expect, it } from 'vitest';
import { createRedisLease, createRedisLog, type RedisClient } from '../src/redis/index.ts';
import { createRedisPort } from '../src/redis/redis-client.ts';
import { redisClients } from './redis-clients.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

/** An address that leads to one Redis after the other. */
interface Address {
  readonly url: string;
  /** Leads to this port from now on, and cuts what is open, as a primary that is demoted does. */
  moveTo(port: number): void;
  close(): void;
}

const addressOf = async (first: number): Promise<Address> => {
  let port = first;
  const sockets = new Set<Socket>();
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const server: Server = createServer((client) => {
    const redis = new Socket();
    redis.connect(port, '127.0.0.1');
    for (const [one, other] of [
      [client, redis],
      [redis, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  return {
    url: `redis://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    moveTo(next) {
      port = next;
      cut();
    },
    close() {
      cut();
      server.close();
    },
  };
};

const entry = (seq: number): LogEntry => ({
  offset: formatOffset(1, seq),
  event: {
    type: 'thread.item.updated',
    item_id: 'a',
    update: { type: 'assistant_message.content_part.text_delta', content_index: 0, delta: `${seq} ` },
  },
});
const collect = async (log: StreamLog): Promise<string[]> => {
  const offsets: string[] = [];
  for await (const { offset } of log.read('run')) offsets.push(offset);
  return offsets;
};
const offsets = (to: number) => Array.from({ length: to }, (_, index) => formatOffset(1, index + 1));
/** Until a reader has this entry. */
const untilRead = async (log: StreamLog, seq: number): Promise<void> => {
  for await (const { offset } of log.read('run')) if (offset === formatOffset(1, seq)) return;
};
const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

const probe = await startRedis();
await probe?.stop();

describe.skipIf(probe === undefined).each(Object.entries(redisClients))(
  'over %s',
  { timeout: 120_000 },
  (_, connect) => {
    const closers: (() => unknown)[] = [];
    afterEach(async () => {
      for (const close of closers.splice(0).reverse()) await close();
    });
    const redis = async (): Promise<RedisServer> => {
      const server = (await startRedis()) as RedisServer;
      closers.push(() => server.stop());
      return server;
    };
    const clientOf = async (url: string): Promise<RedisClient> => {
      const { client, close } = await connect(url);
      closers.push(close);
      return client;
    };
    const logOf = (client: RedisClient): StreamLog => {
      const log = createRedisLog({ client, checkMs: 100, unreachableMs: 30_000 });
      closers.push(() => log.close());
      return log;
    };
    const leaseOf = (client: RedisClient): RunLease => {
      const lease = createRedisLease({ client, ttlMs: 20_000, unreachableMs: 30_000 });
      closers.push(() => lease.close());
      return lease;
    };
    /** Until a Redis has refused something for this reason, as it counts itself. */
    const untilRefused = async (ask: (...args: string[]) => Promise<unknown>, reason: string): Promise<void> => {
      while (!String(await ask('INFO', 'errorstats')).includes(`errorstat_${reason}:`)) await pause(5);
    };
    const commandsOf = async ({ url }: RedisServer) => {
      const { command } = createRedisPort(await clientOf(url));
      return (...args: string[]) => command(args);
    };
    /** A primary with a replica, behind one address. `failOver` makes the second the primary, and the first its replica. */
    const pair = async () => {
      const [old, heir] = [await redis(), await redis()];
      const [askOld, askHeir] = [await commandsOf(old), await commandsOf(heir)];
      await askOld('CONFIG', 'SET', 'repl-diskless-sync-delay', '0');
      await askHeir('REPLICAOF', '127.0.0.1', `${old.port}`);
      while (!String(await askHeir('INFO', 'replication')).includes('master_link_status:up')) await pause(20);
      const address = await addressOf(old.port);
      closers.push(() => address.close());
      return {
        url: address.url,
        /** Until the replica has what was written. */
        async sync() {
          const offsetOf = async (ask: typeof askOld, name: string) =>
            Number(new RegExp(`${name}_repl_offset:(\\d+)`).exec(String(await ask('INFO', 'replication')))?.[1]);
          const written = await offsetOf(askOld, 'master');
          while ((await offsetOf(askHeir, 'slave')) < written) await pause(5);
        },
        part: () => askHeir('REPLICAOF', 'NO', 'ONE'),
        async demote() {
          await askHeir('REPLICAOF', 'NO', 'ONE');
          await askOld('REPLICAOF', '127.0.0.1', `${heir.port}`);
        },
        /** The first is a replica of one that has nothing, as while it copies what the new primary has. */
        async empty() {
          const nobody = await redis();
          await askHeir('REPLICAOF', 'NO', 'ONE');
          await askOld('REPLICAOF', '127.0.0.1', `${nobody.port}`);
          while (Number(await askOld('DBSIZE')) > 0) await pause(5);
        },
        /** Until the first has refused something as a replica. */
        refused: () => untilRefused(askOld, 'READONLY'),
        promote: () => address.moveTo(heir.port),
      };
    };
    const claim = { runId: 'run', threadId: 'thread', resumable: true };

    it.each(['has everything', 'lacks the last entries'])('a run goes on over a new primary that %s', async (what) => {
      const { url, sync, part, demote, promote } = await pair();
      const [here, elsewhere] = [logOf(await clientOf(url)), logOf(await clientOf(url))];
      await here.create('run');
      const readers = [collect(here), collect(elsewhere)];
      const write = async (from: number, to: number) => {
        for (let seq = from; seq <= to; seq += 1) {
          await here.append('run', [entry(seq)]);
          await pause(2);
        }
      };
      await write(1, 100);
      await untilRead(elsewhere, 100);
      await sync();
      if (what !== 'has everything') {
        await part();
        await write(101, 150);
        await untilRead(elsewhere, 150);
      }
      const last = what === 'has everything' ? 100 : 150;
      await demote();
      await write(last + 1, last + 100);
      promote();
      await write(last + 101, last + 150);
      await here.append('run', [{ offset: formatOffset(1, last + 151), end: 'completed' }]);
      const all = offsets(last + 151);
      expect(await Promise.all(readers)).toEqual([all, all]);
      expect(await collect(logOf(await clientOf(url)))).toEqual(all);
    });

    it('what begins and ends runs waits for the new primary', async () => {
      const { url, sync, demote, refused, promote } = await pair();
      const client = await clientOf(url);
      const [log, lease] = [logOf(client), leaseOf(client)];
      await lease.acquire(claim);
      await sync();
      await demote();
      const next = { runId: 'next', threadId: 'another', resumable: true };
      const calls = Promise.all([
        log.create('next'),
        lease.acquire(next),
        lease.release({ ...claim, epoch: 1 }, 'completed'),
        lease.renew({ ...claim, epoch: 1 }),
      ]);
      await refused();
      promote();
      const [, acquired] = await calls;
      expect(acquired).toMatchObject({ granted: next });
      expect(await lease.find('run')).toMatchObject({ outcome: 'completed' });
      expect(await lease.activeIn('thread')).toBeUndefined();
    });

    it('nothing is said to be unknown that the old primary has given up', async () => {
      const { url, sync, empty, refused, promote } = await pair();
      const client = await clientOf(url);
      const [log, elsewhere, lease] = [logOf(client), logOf(await clientOf(url)), leaseOf(client)];
      await lease.acquire(claim);
      await log.create('run');
      await log.append('run', [entry(1)]);
      await untilRead(elsewhere, 1);
      await sync();
      await empty();
      const held = { ...claim, epoch: 1 };
      const calls = Promise.all([
        lease.find('run'),
        lease.renew(held),
        lease.requestStop('run', 'user'),
        log.append('run', [entry(2), { offset: formatOffset(1, 3), end: 'completed' }]),
        collect(logOf(client)),
      ]);
      await refused();
      promote();
      const [found, renewed, , , read] = await calls;
      expect(found).toMatchObject(claim);
      expect(renewed).toMatchObject({ held: true });
      expect(read).toEqual(offsets(3));
      expect(await lease.renew(held)).toEqual({ held: true, stop: 'user' });
    });

    it('a run waits for memory', async () => {
      const server = await redis();
      const ask = await commandsOf(server);
      const log = logOf(await clientOf(server.url));
      await log.create('run');
      await log.append('run', [entry(1)]);
      await untilRead(logOf(await clientOf(server.url)), 1);
      await ask('CONFIG', 'SET', 'maxmemory', '1');
      for (let seq = 2; seq <= 100; seq += 1) await log.append('run', [entry(seq)]);
      const ended = log.append('run', [{ offset: formatOffset(1, 101), end: 'completed' }]);
      await untilRefused(ask, 'OOM');
      await ask('CONFIG', 'SET', 'maxmemory', '0');
      await ended;
      expect(await collect(logOf(await clientOf(server.url)))).toEqual(offsets(101));
    });
  },
);
