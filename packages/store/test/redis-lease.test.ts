import { createId, type RunRecord } from '@chatkit/core';
import { describeRunLease } from '@chatkit/testing/conformance';
import { createClient } from 'redis';
import { afterAll, describe, expect, it } from 'vitest';
import { createRedisLease } from '../src/redis/index.ts';
import { redisClients } from './redis-clients.ts';
import { startRedis } from './redis-server.ts';

const server = await startRedis();
afterAll(() => server?.stop());

/**
 * Redis goes by the clock of its machine, which no test can set. So what is held comes nearer to its end instead: by the scores of leases, and by what
 * Redis forgets. Nothing runs out then because the machine was busy with something else.
 */
const passTimeScript = `
for _, key in ipairs(redis.call('KEYS', ARGV[2] .. '*')) do
  local left = redis.call('PTTL', key)
  if left > tonumber(ARGV[1]) then
    redis.call('PEXPIRE', key, left - ARGV[1])
  elseif left >= 0 then
    redis.call('DEL', key)
  end
end
for _, run in ipairs(redis.call('ZRANGE', ARGV[2] .. 'leases', 0, -1)) do
  redis.call('ZINCRBY', ARGV[2] .. 'leases', -ARGV[1], run)
end`;

describe.skipIf(server === undefined)('createRedisLease', () => {
  for (const [name, connect] of Object.entries(redisClients)) {
    const closers: (() => void)[] = [];
    afterAll(() => {
      for (const close of closers) close();
    });
    const machine = async (ttlMs: number) => {
      const { client, close } = await connect(server?.url ?? '');
      closers.push(close);
      return createRedisLease({ client, ttlMs, prefix: `${name} ${ttlMs}` });
    };
    const shortTtlMs = 300_000;
    const passTime = async (ms: number): Promise<void> => {
      const client = await createClient({ url: server?.url ?? '' }).connect();
      await client.eval(passTimeScript, { arguments: [`${ms}`, `{${name} ${shortTtlMs}}:`] });
      client.destroy();
    };
    describeRunLease(`over ${name}`, async (ttlMs) => [await machine(ttlMs), await machine(ttlMs)], {
      ...{ shortTtlMs, passTime },
      runs: 40,
    });

    it(`goes by the clock of Redis, over ${name}`, { timeout: 60_000 }, async () => {
      const [a, b] = [await machine(400), await machine(400)];
      const answer = await a.acquire({ runId: createId('run'), threadId: createId('thread'), resumable: true });
      const run = 'granted' in answer ? answer.granted : undefined;
      const reaped: RunRecord[] = [];
      while (reaped.length === 0) reaped.push(...(await b.reap()));
      expect(reaped).toEqual([{ ...run, epoch: 2 }]);
      expect(await a.renew(run as RunRecord)).toEqual({ held: false });
      await Promise.all([a.close(), b.close()]);
    });
  }
});
