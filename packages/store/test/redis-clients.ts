/** Both clients of Redis, as an application makes them. */
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import type { RedisClient } from '../src/redis/index.ts';

export interface TestClient {
  readonly client: RedisClient;
  close(): void;
}

export const redisClients: Record<string, (url: string) => Promise<TestClient>> = {
  async 'node-redis'(url) {
    const client = createClient({ url, socket: { reconnectStrategy: 50 } });
    client.on('error', () => {});
    await client.connect();
    return { client, close: () => client.destroy() };
  },
  async ioredis(url) {
    const client = new Redis(url, { retryStrategy: () => 50, maxRetriesPerRequest: 5 });
    client.on('error', () => {});
    await client.ping();
    return { client, close: () => client.disconnect() };
  },
};
