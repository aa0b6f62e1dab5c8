import { describeStreamLog } from '@chatkit/testing/conformance';
import { afterAll, describe } from 'vitest';
import { createRedisLog, type RedisLog } from '../src/redis/index.ts';
import { redisClients } from './redis-clients.ts';
import { startRedis } from './redis-server.ts';

const server = await startRedis();
afterAll(() => server?.stop());

describe.skipIf(server === undefined)('createRedisLog', () => {
  const url = server?.url ?? '';
  for (const [name, connect] of Object.entries(redisClients)) {
    const closers: (() => void)[] = [];
    afterAll(() => {
      for (const close of closers) close();
    });
    const make = async (options = {}): Promise<RedisLog> => {
      const { client, close } = await connect(url);
      closers.push(close);
      return createRedisLog({ client, checkMs: 200, ...options });
    };
    describeStreamLog(`over ${name}`, () => make(), {
      createSmallLog: () => make({ maxBytesPerRun: 20_000 }),
      close: (log) => log.close(),
      runs: 60,
    });

    // What one machine appends, another one reads.
    describeStreamLog(
      `over ${name}, from another machine`,
      async () => {
        const [writer, reader] = [await make(), await make()];
        return { ...writer, read: reader.read, close: () => Promise.all([writer.close(), reader.close()]) };
      },
      { close: async (log) => void (await log.close()), runs: 30 },
    );
  }
});
