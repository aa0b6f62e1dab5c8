/** A cluster for a test, from the sources, and what its machines have reported. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Cluster, type ClusterOptions, startCluster } from '../../apps/cluster/server/cluster.ts';
import type { MachineProcess } from '../../apps/cluster/server/machine-process.ts';
import type { MachineReport } from '../../apps/cluster/server/machine-reports.ts';
import { findProgram } from '../../apps/cluster/server/program.ts';
import { createRoundRobin } from '../../apps/cluster/server/round-robin.ts';
import { isPostgresHere, startPostgres } from '../../packages/store/test/postgres-server.ts';

export const hasRedis: boolean = findProgram('redis-server') !== undefined;
if (!hasRedis)
  console.warn('SKIPPED: redis-server is not installed, the cluster is not tested (apt-get install redis-server).');

const hasPostgres = await isPostgresHere();
if (!hasPostgres) console.warn('SKIPPED: there is no PostgreSQL here, the cluster is not tested over it.');

/** Where machines can keep their runs here. */
export const places: readonly ('sqlite' | 'postgres' | 'redis')[] = [
  'sqlite',
  ...(hasPostgres ? (['postgres'] as const) : []),
  ...(hasRedis ? (['redis'] as const) : []),
];

export interface NodesOptions extends Omit<ClusterOptions, 'runsIn'> {
  runsIn?: (typeof places)[number] | undefined;
}

export type Told = MachineReport & { machine: string; at: number };

export interface Nodes {
  readonly cluster: Cluster;
  /** Everything but the words and the signs of life. */
  readonly told: Told[];
  /** By the name of a machine. */
  node(name: string): MachineProcess;
  url(name: string): string;
  /** The address of a proxy over all machines that run. */
  readonly proxyUrl: string;
  /** Cuts what the proxy has open to a machine. */
  cut(name: string): void;
  begun(runId: string): Told[];
  ended(runId: string): Told[];
  unhandled(): Told[];
  close(): Promise<void>;
}

export const startNodes = async (options: NodesOptions): Promise<Nodes> => {
  const told: Told[] = [];
  const { runsIn, ...others } = options;
  const postgres = runsIn === 'postgres' ? await startPostgres() : undefined;
  const cluster = await startCluster({
    // Where no machine is to die, none does because it got no core for a while.
    leaseMs: 15_000,
    heartbeatMs: 1_000,
    tokenMs: 15,
    nodeArgs: ['--conditions=@chatkit/source'],
    ...others,
    // Its programs are here, so where it did not start the tests say so.
    runsIn: runsIn === 'postgres' ? { postgresUrl: postgres?.url ?? '' } : runsIn,
    onReport(machine, report) {
      if (report.type !== 'wrote' && report.type !== 'alive') told.push({ ...report, machine, at: performance.now() });
    },
  });
  const node = (name: string): MachineProcess => {
    const found = cluster.machines.find((machine) => machine.name === name);
    if (found === undefined) throw new Error(`No machine ${name}`);
    return found;
  };
  const proxy = createRoundRobin(() => cluster.machines.filter((each) => each.isRunning()).map(({ port }) => port));
  const http = createServer(proxy.forward);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const of = (type: Told['type'], runId: string) =>
    told.filter((each) => each.type === type && 'runId' in each && each.runId === runId);
  return {
    cluster,
    told,
    node,
    url: (name) => node(name).url,
    proxyUrl: `http://127.0.0.1:${(http.address() as AddressInfo).port}/chatkit`,
    cut: (name) => proxy.cut(node(name).port),
    begun: (runId) => of('begun', runId),
    ended: (runId) => of('ended', runId),
    unhandled: () => told.filter(({ type }) => type === 'unhandled'),
    async close() {
      http.closeAllConnections();
      http.close();
      await cluster.close();
      await postgres?.stop();
    },
  };
};
