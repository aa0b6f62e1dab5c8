import { textDelta } from '@chatkit/core';
import { collect } from '@chatkit/stream';
import { describeStreamLog } from '@chatkit/testing/conformance';
import { afterAll, describe, expect, it } from 'vitest';
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

    it(`takes every run's batch for its own over ${name}, whatever its id and its text are`, async () => {
      const prefix = `ids over ${name}`;
      const [writer, reader] = [await make({ prefix }), await make({ prefix })];
      const ids = ['a', 'a b', ' a', '1 a 1-1', 'a\nb', '!', 'ключ', '日本 1-1 \n', '😀', '"[', '\\n'];
      const texts = ['plain', 'two\nlines', ' 1-1 ', '日本', '😀', '\n', '\u2028"\\'];
      await Promise.all(ids.map((id) => writer.create(id)));
      const entriesOf = (id: string) => [
        ...texts.map((text, at) => ({ offset: `1-${at + 1}`, event: textDelta(id, text) })),
        { offset: `1-${texts.length + 1}`, end: 'completed' as const },
      ];
      // In one turn, so that they share a command.
      await Promise.all(ids.map((id) => writer.append(id, entriesOf(id))));
      for (const id of ids) expect(await collect(reader.read(id))).toEqual(entriesOf(id));
      await Promise.all([writer.close(), reader.close()]);
    });
  }
});
