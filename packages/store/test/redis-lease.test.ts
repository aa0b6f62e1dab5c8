import { describeRunLease } from '@chatkit/testing/conformance';
import { afterAll, describe } from 'vitest';
import { createRedisLease } from '../src/redis/index.ts';
import { redisClients } from './redis-clients.ts';
import { startRedis } from './redis-server.ts';

const server = await startRedis();
afterAll(() => server?.stop());

describe.skipIf(server === undefined)('createRedisLease', () => {
  for (const [name, connect] of Object.entries(redisClients)) {
    const closers: (() => void)[] = [];
    afterAll(() => {
      for (const close of closers) close();
    });
    const machine = async (ttlMs: number) => {
      const { client, close } = await connect(server?.url ?? '');
      closers.push(close);
      return createRedisLease({ client, ttlMs });
    };
    describeRunLease(`over ${name}`, async (ttlMs) => [await machine(ttlMs), await machine(ttlMs)], { runs: 40 });
  }
});
