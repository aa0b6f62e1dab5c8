/**
 * Several machines, each a process of its own, on loopback, and what they share. The page and the chaos tests are
 * made of this.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { createMachineProcess, type MachineProcess } from './machine-process.ts';
import type { MachineReport, MachineSettings } from './machine-reports.ts';
import { type RedisProgram, startRedis } from './redis-program.ts';

export interface ClusterOptions
  extends Partial<Pick<MachineSettings, 'leaseMs' | 'heartbeatMs' | 'graceMs' | 'tokenMs' | 'busy' | 'patienceMs'>> {
  /** One machine for each name. */
  names: readonly string[];
  /**
   * Where the machines keep log and lease: in a Redis or a file of the cluster's own, or in a PostgreSQL that is there.
   * Default: in Redis.
   */
  runsIn?: 'redis' | 'sqlite' | { readonly postgresUrl: string } | undefined;
  /** Whether Redis writes to a file, so that a restart finds its data. Default: no. */
  keepRedisData?: boolean | undefined;
  nodeArgs?: readonly string[] | undefined;
  onReport?: ((name: string, report: MachineReport) => void) | undefined;
}

export interface Cluster {
  /** Absent when it has not been asked for. */
  readonly redis: RedisProgram | undefined;
  readonly machines: readonly MachineProcess[];
  /** Ends everything and removes what was written. */
  close(): Promise<void>;
}

/**
 * Starts a cluster. Rejects when runs are to be in Redis and there is no `redis-server`.
 *
 * @example
 * const cluster = await startCluster({ names: ['a', 'b'], leaseMs: 1_000 });
 */
export const startCluster = async (options: ClusterOptions): Promise<Cluster> => {
  const folder = await mkdtemp(join(tmpdir(), 'chatkit-cluster-'));
  const { runsIn = 'redis' } = options;
  const redis =
    runsIn === 'redis' ? await startRedis({ folder: options.keepRedisData ? folder : undefined }) : undefined;
  const runs =
    redis !== undefined
      ? { redisUrl: redis.url }
      : typeof runsIn === 'object'
        ? runsIn
        : { file: join(folder, 'runs.db') };
  const machines: MachineProcess[] = [];
  for (const name of options.names) {
    const settings: MachineSettings = {
      name,
      port: await freePort(),
      runs,
      database: join(folder, 'threads.db'),
      leaseMs: options.leaseMs ?? 3_000,
      heartbeatMs: options.heartbeatMs ?? 2_000,
      graceMs: options.graceMs ?? 300,
      tokenMs: options.tokenMs ?? 60,
      busy: options.busy ?? 'interrupt',
      patienceMs: options.patienceMs ?? 30_000,
    };
    machines.push(
      createMachineProcess({
        settings,
        nodeArgs: options.nodeArgs,
        onReport: (report) => options.onReport?.(name, report),
      }),
    );
  }
  const close = async () => {
    await Promise.all(machines.map((machine) => machine.kill()));
    await redis?.kill();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await Promise.all(machines.map((machine) => machine.start()));
  } catch (error) {
    await close();
    throw error;
  }
  return { redis, machines, close };
};
