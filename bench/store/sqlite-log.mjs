// What a log in an SQLite file costs beside the one in memory, on the whole path of a server: CPU a token, time to the first token and to a token's
// delivery, for many runs at the pace of a model and for a few in a rush. The candidates take turns in one process.
// Build first (`npm run build`), then: node bench/store/sqlite-log.mjs [--runs 300] [--rate 30] [--seconds 4] [--rounds 5] [--flush 25] [--postgres] [--json file]
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { assistantMessage, itemAdded, itemDone, textDelta } from '@chatkit/core';
import { createChatKitServer } from '@chatkit/server';
import { createMemoryLog, createMemoryStore } from '@chatkit/store/memory';
import { createPostgresLog } from '@chatkit/store/postgres';
import { createSqliteLog, createSqliteStore } from '@chatkit/store/sqlite';
import pg from 'pg';
import { startPostgres } from '../../packages/store/test/postgres-server.ts';

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '300' },
    rate: { type: 'string', default: '30' },
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '5' },
    flush: { type: 'string', default: '25' },
    json: { type: 'string' },
    postgres: { type: 'boolean', default: false },
  },
});
const postgres = flags.postgres ? await startPostgres() : undefined;
const pool = postgres && new pg.Pool({ connectionString: postgres.url });
const flushMs = Number(flags.flush);
const folder = mkdtempSync(join(tmpdir(), 'chatkit-bench-'));
let files = 0;
const freshPath = () => join(folder, `${++files}.db`);

/** Each with its store, so that what sharing a file costs is the difference of the last two. */
const candidates = {
  'memory, store in memory': () => ({ store: createMemoryStore(), log: createMemoryLog() }),
  'SQLite, store in memory': () => ({
    store: createMemoryStore(),
    log: createSqliteLog({ path: freshPath(), flushMs }),
  }),
  'memory, store in SQLite': () => ({ store: createSqliteStore({ path: freshPath() }), log: createMemoryLog() }),
  'SQLite, store in a file of its own': () => ({
    store: createSqliteStore({ path: freshPath() }),
    log: createSqliteLog({ path: freshPath(), flushMs }),
  }),
  'SQLite, store in the same file': () => {
    const path = freshPath();
    return { store: createSqliteStore({ path }), log: createSqliteLog({ path, flushMs }) };
  },
  ...(pool && {
    'PostgreSQL, store in memory': () => ({
      store: createMemoryStore(),
      log: createPostgresLog({ client: pool, flushMs }),
    }),
  }),
};

const quantile = (values, q) => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
};
const body = JSON.stringify({
  type: 'threads.create',
  params: { input: { content: [{ type: 'input_text', text: 'hello' }], attachments: [], inference_options: {} } },
});
const headers = { 'content-type': 'application/json', 'chatkit-client': '1' };

/** `runs` answers of `tokens` tokens, one every `periodMs` (0: in a rush), each read to its end. */
const measure = async ({ store, log }, { runs, tokens, periodMs }) => {
  const first = [];
  const server = createChatKitServer({
    store,
    log,
    async *respond(thread) {
      const item = assistantMessage({ thread_id: thread.id });
      yield itemAdded(item);
      const start = performance.now();
      let text = '';
      for (let n = 1; n <= tokens; n += 1) {
        text += ` token${n}`;
        yield textDelta(item.id, ` token${n}`);
        if (periodMs > 0)
          await new Promise((done) => setTimeout(done, Math.max(0, start + n * periodMs - performance.now())));
        else if (n % 100 === 0) await new Promise((done) => setImmediate(done));
      }
      yield itemDone({ ...item, content: [{ type: 'output_text', text, annotations: [] }] });
    },
  });
  const cpu = process.cpuUsage();
  await Promise.all(
    Array.from({ length: runs }, async (_, n) => {
      if (periodMs > 0) await new Promise((done) => setTimeout(done, (n / runs) * 1_000));
      const asked = performance.now();
      const response = await server.handle(new Request('http://bench/', { method: 'POST', headers, body }), 'ada');
      let isFirst = true;
      for await (const _chunk of response.body) {
        if (isFirst) first.push(performance.now() - asked);
        isFirst = false;
      }
    }),
  );
  const used = process.cpuUsage(cpu);
  await server.close?.();
  await log.close?.();
  store.close?.();
  return {
    cpuPerTokenUs: (used.user + used.system) / (runs * tokens),
    firstTokenMs: quantile(first, 0.5),
    firstTokenP95Ms: quantile(first, 0.95),
  };
};

const rate = Number(flags.rate);
const paces = {
  [`${flags.runs} runs at ${rate} tokens/s`]: {
    runs: Number(flags.runs),
    tokens: Math.round(rate * Number(flags.seconds)),
    periodMs: 1_000 / rate,
  },
  '20 runs of 3,000 tokens in a rush': { runs: 20, tokens: 3_000, periodMs: 0 },
};

/** From one process's append to another's reader, as two logs over one file. */
const across = async () => {
  const path = freshPath();
  const [a, b] = [createSqliteLog({ path, flushMs }), createSqliteLog({ path })];
  const delays = [];
  await Promise.all(
    Array.from({ length: 20 }, async (_, n) => {
      const id = `across-${n}`;
      const sentAt = [];
      await a.create(id);
      const reading = (async () => {
        let seq = 0;
        for await (const entry of b.read(id)) if ('event' in entry) delays.push(performance.now() - sentAt[seq++]);
      })();
      for (let seq = 1; seq <= 60; seq += 1) {
        sentAt.push(performance.now());
        await a.append(id, [{ offset: `1-${seq}`, event: textDelta('msg_1', ` token${seq}`) }]);
        await new Promise((done) => setTimeout(done, 1_000 / rate));
      }
      await a.append(id, [{ offset: '1-61', end: 'completed' }]);
      await reading;
    }),
  );
  await a.close();
  await b.close();
  return { p50Ms: quantile(delays, 0.5), p95Ms: quantile(delays, 0.95) };
};

const machine = `${cpus()[0].model}, ${cpus().length} cores, Node ${process.versions.node}`;
console.log(`${machine}, load ${loadavg()[0].toFixed(1)}, flush ${flushMs} ms`);
const results = {};
try {
  for (const [pace, load] of Object.entries(paces)) {
    const rounds = Object.fromEntries(Object.keys(candidates).map((name) => [name, []]));
    for (let round = 0; round <= Number(flags.rounds); round += 1) {
      const order = Object.keys(candidates);
      if (round % 2 === 1) order.reverse();
      for (const name of order) {
        const result = await measure(candidates[name](), load);
        // The first round warms up.
        if (round > 0) rounds[name].push(result);
      }
    }
    const median = (name, key) =>
      quantile(
        rounds[name].map((each) => each[key]),
        0.5,
      );
    const base = median('memory, store in memory', 'cpuPerTokenUs');
    results[pace] = Object.fromEntries(
      Object.keys(candidates).map((name) => [
        name,
        {
          'CPU, µs/token': Number(median(name, 'cpuPerTokenUs').toFixed(2)),
          'of the first': Number((median(name, 'cpuPerTokenUs') / base).toFixed(2)),
          'first token, ms': Number(median(name, 'firstTokenMs').toFixed(2)),
          'its p95': Number(median(name, 'firstTokenP95Ms').toFixed(2)),
        },
      ]),
    );
    console.log(pace);
    console.table(results[pace]);
  }
  results.across = await across();
  console.log(
    `to a reader in another process: ${results.across.p50Ms.toFixed(1)} ms (p95 ${results.across.p95Ms.toFixed(1)})`,
  );
  console.log(`load ${loadavg()[0].toFixed(1)} at the end`);
} finally {
  await pool?.end();
  await postgres?.stop();
  rmSync(folder, { recursive: true, force: true });
}
if (flags.json) writeFileSync(flags.json, `${JSON.stringify({ machine, flags, results }, null, 2)}\n`);
