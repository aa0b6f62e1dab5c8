/**
 * `npm run cluster`: Redis or a file, three machines, a proxy in front of them and a page that shows them. Ctrl+C ends
 * all of it.
 */
import { createServer } from 'node:http';
import { type Cluster, startCluster } from './cluster.ts';
import { type Happening, initialView, nextView } from './cluster-view.ts';
import { createPageRoutes, type Verb } from './page-routes.ts';
import { findProgram } from './program.ts';
import { createRoundRobin } from './round-robin.ts';

const names = ['a', 'b', 'c'];
const leaseMs = 3_000;
/** Without a report for this long a machine gets no more requests. */
const SILENT_AFTER_MS = 1_000;

function fail(error: unknown): never {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}

/** Redis where there is one, else an SQLite file, which needs nothing. */
const runsIn = (() => {
  const chosen = process.env['CLUSTER_RUNS'] ?? (findProgram('redis-server') === undefined ? 'sqlite' : 'redis');
  if (/^postgres(ql)?:/.test(chosen)) return { postgresUrl: chosen };
  return chosen === 'redis' || chosen === 'sqlite'
    ? chosen
    : fail(`CLUSTER_RUNS must be redis, sqlite or the URL of a PostgreSQL, not ${chosen}`);
})();
// A lease in a file sees that its owner has died, and servers look for that each second.
let view = initialView(names, { leaseMs, deathMs: runsIn === 'sqlite' ? 1_000 : leaseMs });
const listeners = new Set<() => void>();
const heardAt = new Map<string, number>();

const happened = (name: string, happening: Happening): void => {
  const next = nextView(view, name, happening);
  if (next === view) return;
  view = next;
  for (const listener of listeners) listener();
};

const cluster: Cluster = await startCluster({
  names,
  runsIn,
  leaseMs,
  nodeArgs: process.execArgv,
  onReport(name, report) {
    heardAt.set(name, performance.now());
    if (report.type === 'error') console.error(`machine ${name}: ${report.message}`);
    happened(name, report);
  },
}).catch(fail);

const machineOf = (name: string) => cluster.machines.find((machine) => machine.name === name);
const statusOf = (name: string) => view.machines.find((machine) => machine.name === name)?.status;

const proxy = createRoundRobin(() =>
  cluster.machines.filter(({ name }) => statusOf(name) === 'up').map(({ port }) => port),
);

// Silence is no event, so it is looked for. One timer for all machines, as they come and go.
setInterval(() => {
  for (const { name, port } of cluster.machines) {
    if (statusOf(name) !== 'up' || performance.now() - (heardAt.get(name) ?? 0) < SILENT_AFTER_MS) continue;
    happened(name, { type: 'silent' });
    proxy.cut(port);
  }
}, 200).unref();

const act = async (name: string, verb: Verb): Promise<void> => {
  const machine = machineOf(name);
  if (machine === undefined) return;
  const start = async () => {
    if (machine.isRunning()) return;
    happened(name, { type: 'starting' });
    await machine.start();
  };
  switch (verb) {
    case 'start':
      return start();
    case 'pause':
      return machine.pause();
    case 'resume':
      return machine.resume();
    case 'kill':
      if (!machine.isRunning()) return;
      await machine.kill();
      return happened(name, { type: 'down', how: 'killed' });
    case 'deploy':
      if (statusOf(name) !== 'up') return;
      await machine.leave();
      happened(name, { type: 'down', how: 'left' });
      return start();
  }
};

const page = createPageRoutes({
  view: () => view,
  subscribe(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  act,
});

const http = createServer((request, response) => {
  if (request.url?.startsWith('/chatkit')) return proxy.forward(request, response);
  page(request, response).catch((error: unknown) => {
    console.error(error);
    if (response.headersSent) response.destroy();
    else response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' }).end('Internal error');
  });
});

const close = async () => {
  http.closeAllConnections();
  await cluster.close();
  process.exit(0);
};
process.once('SIGINT', () => void close());
process.once('SIGTERM', () => void close());

const port = Number(process.env['PORT'] ?? 3_100);
http.once('error', async (error: NodeJS.ErrnoException) => {
  await cluster.close();
  fail(error.code === 'EADDRINUSE' ? `Port ${port} is taken. Choose another: PORT=${port + 1} npm run cluster` : error);
});
http.listen(port, '127.0.0.1', () => {
  const address = http.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  const database = runsIn === 'sqlite' ? 'an SQLite file' : 'PostgreSQL';
  const shared = cluster.redis === undefined ? database : `Redis on ${cluster.redis.port}`;
  console.log(`Cluster: http://localhost:${bound}  (machines ${names.join(', ')}; ${shared})`);
});
