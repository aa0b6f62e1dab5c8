/** Where machines can keep what they run here, for servers in one process: a file, and the databases that are installed. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunLease, StreamLog } from '@chatkit/core';
import { createPostgresLease, createPostgresLog } from '@chatkit/store/postgres';
import { createRedisLease, createRedisLog } from '@chatkit/store/redis';
import { createSqliteLease, createSqliteLog } from '@chatkit/store/sqlite';
import { connectPool, startPostgres } from '../../packages/store/test/postgres-server.ts';
import { redisClients } from '../../packages/store/test/redis-clients.ts';
import { type RedisServer, startRedis } from '../../packages/store/test/redis-server.ts';
import { hasRedis } from './nodes.ts';

/** What one machine has opened. `close` is for what log and lease leave open. */
export interface Opened {
  readonly log: StreamLog & { close(): Promise<unknown> };
  readonly lease: RunLease;
  close?(): unknown;
}

export interface Place {
  /** Opens it as one more machine, with connections of its own. */
  open(): Promise<Opened>;
  remove(): unknown;
}

const postgres = await startPostgres();

/** To be called after all tests of a file. */
export const stopPlaces = async (): Promise<void> => postgres?.stop();

/** Each makes one that has nothing in it, for leases of the given length. */
export const places: Readonly<Record<string, (ttlMs: number) => Promise<Place>>> = {
  async SQLite(ttlMs) {
    const folder = mkdtempSync(join(tmpdir(), 'chatkit-place-'));
    const path = join(folder, 'runs.db');
    return {
      open: async () => ({ log: createSqliteLog({ path }), lease: createSqliteLease({ path, ttlMs }) }),
      remove: () => rmSync(folder, { recursive: true, force: true }),
    };
  },
  ...(postgres && {
    async PostgreSQL(ttlMs: number) {
      return {
        async open() {
          const client = connectPool(postgres.url);
          const [log, lease] = [createPostgresLog({ client }), createPostgresLease({ client, ttlMs })];
          return { log, lease, close: () => client.end() };
        },
        async remove() {
          const client = connectPool(postgres.url);
          for (const table of ['run', 'place', 'machine']) await client.query(`DELETE FROM chatkit_lease_${table}`);
          await client.query('DELETE FROM chatkit_log_run');
          await client.end();
        },
      };
    },
  }),
  ...Object.fromEntries(
    Object.entries(hasRedis ? redisClients : {}).map(([name, connect]) => [
      name,
      async (ttlMs: number) => {
        const redis = (await startRedis()) as RedisServer;
        return {
          async open() {
            const { client, close } = await connect(redis.url);
            return { log: createRedisLog({ client }), lease: createRedisLease({ client, ttlMs }), close };
          },
          remove: () => redis.stop(),
        };
      },
    ]),
  ),
};
