/** Where the machines keep what they run: in Redis, in PostgreSQL, or, as they are all on one box, in a file. */
import type { RunLease, StreamLog } from '@chatkit/core';
import { createPostgresLease, createPostgresLog } from '@chatkit/store/postgres';
import { createRedisLease, createRedisLog } from '@chatkit/store/redis';
import { createSqliteLease, createSqliteLog } from '@chatkit/store/sqlite';
import pg from 'pg';
import { createClient } from 'redis';
import type { MachineSettings } from './machine-reports.ts';

export interface SharedRuns {
  readonly log: StreamLog;
  readonly lease: RunLease;
  close(): Promise<void>;
}

export const openSharedRuns = ({ runs, leaseMs, patienceMs }: MachineSettings): Promise<SharedRuns> | SharedRuns => {
  if ('file' in runs) return inFile(runs.file, leaseMs);
  return 'redisUrl' in runs ? inRedis(runs.redisUrl, leaseMs) : inPostgres(runs.postgresUrl, leaseMs, patienceMs);
};

const inRedis = async (url: string, ttlMs: number): Promise<SharedRuns> => {
  const client = createClient({ url, socket: { reconnectStrategy: (tries) => Math.min(50 * 2 ** tries, 500) } });
  // It reconnects by itself; what could not be done meanwhile is the business of whoever asked for it.
  client.on('error', () => {});
  await client.connect();
  return sharedRuns(createRedisLog({ client }), createRedisLease({ client, ttlMs }), () => client.destroy());
};

const inFile = (path: string, ttlMs: number): SharedRuns =>
  sharedRuns(createSqliteLog({ path }), createSqliteLease({ path, ttlMs }));

const inPostgres = (connectionString: string, ttlMs: number, connectTimeoutMs: number): SharedRuns => {
  const client = new pg.Pool({ connectionString, max: 5 });
  // A connection that is cut is made anew when it is needed.
  client.on('error', () => {});
  const options = { client, connectTimeoutMs };
  return sharedRuns(createPostgresLog(options), createPostgresLease({ ...options, ttlMs }), () => client.end());
};

const sharedRuns = (
  log: StreamLog & { close(): Promise<void> },
  lease: RunLease,
  disconnect?: () => unknown,
): SharedRuns => ({
  log,
  lease,
  async close() {
    await lease.close();
    await log.close();
    await disconnect?.();
  },
});
