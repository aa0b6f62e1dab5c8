/**
 * One machine of the cluster, as a process of its own: `node:http`, a ChatKit server, a log, a lease and a
 * store that all machines share. Nothing here knows of the others. It tells its parent what it does, for the page.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createChatKitServer } from '@chatkit/server';
import { toNodeHandler } from '@chatkit/server/node';
import { createSqliteStore } from '@chatkit/store/sqlite';
import type { MachineReport, MachineSettings } from './machine-reports.ts';
import { openSharedRuns } from './shared-runs.ts';
import { wordCount, write } from './writer.ts';

const settings = JSON.parse(process.env['CLUSTER_MACHINE'] ?? '') as MachineSettings;
const report = (message: MachineReport): void => {
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
};

process.on('unhandledRejection', (error) => report({ type: 'unhandled', message: String(error) }));

const runs = await openSharedRuns(settings);
const { log, lease } = runs;
const store = createSqliteStore({ path: settings.database });

const server = createChatKitServer({
  store,
  log,
  lease,
  busy: settings.busy,
  deadlines: { callMs: settings.patienceMs },
  maxRunsPerUser: 1_000,
  cancelGraceMs: 500,
  heartbeatMs: settings.heartbeatMs,
  retryMs: 300,
  allowedHosts: ['localhost', '127.0.0.1'],
  onError: (error, info) => report({ type: 'error', message: String(error), runId: info.runId }),
  async *respond(thread, input, _context, run) {
    const words = wordCount(input?.content.map((part) => part.text).join(' ') ?? '');
    thread.title ??= 'A cluster at work';
    let isWhole = false;
    report({ type: 'begun', runId: run.id, threadId: thread.id });
    try {
      yield* write({
        threadId: thread.id,
        words,
        tokenMs: settings.tokenMs,
        signal: run.signal,
        onWord: (written) => report({ type: 'wrote', runId: run.id, written }),
      });
      isWhole = true;
    } finally {
      report({ type: 'ended', runId: run.id, isWhole });
    }
  },
});

const handle = toNodeHandler(server);
const http = createServer((request, response) => {
  response.setHeader('x-machine', settings.name);
  void handle(request, response);
});
http.listen(settings.port, '127.0.0.1');
await once(http, 'listening');
report({ type: 'ready' });
// The sign of life of a process that has nothing else to say: there is no stream of it to put `heartbeat` on.
const beat = setInterval(() => report({ type: 'alive' }), 200);

/** How long the last frames may take to leave. */
const LAST_WORDS_MS = 200;

/**
 * A deploy: no new runs, those in progress get a moment and are then ended, readers are cut and come back elsewhere.
 */
const leave = async () => {
  http.close();
  await server.close({ graceMs: settings.graceMs });
  // Readers of our own runs have been told the end and need a moment to get it; those who follow runs of others are
  // cut.
  await sleep(LAST_WORDS_MS);
  http.closeAllConnections();
  clearInterval(beat);
  await runs.close();
  store.close();
  process.exit(0);
};
process.once('SIGTERM', () => void leave());
process.on('SIGINT', () => {});
process.once('disconnect', () => process.exit(1));
