// The logs and leases of runs in Redis, for servers on several machines.

export type {
  IoredisClient,
  IoredisConnection,
  NodeRedisClient,
  NodeRedisConnection,
  RedisClient,
} from './redis-client.ts';
export { createRedisLease, type RedisLeaseOptions } from './redis-lease.ts';
export { createRedisLog, type RedisLog, type RedisLogOptions } from './redis-log.ts';
