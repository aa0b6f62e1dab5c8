// A page of 20 out of one thread of 100,000 items, from either end and from the middle, in every store.
// Build first (`npm run build`), then: node bench/store/run.mjs [--items 100000] [--rounds 300] [--json file]
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseArgs } from 'node:util';
import { createMemoryStore } from '@chatkit/store/memory';
import { createPostgresStore } from '@chatkit/store/postgres';
import { createSqliteStore } from '@chatkit/store/sqlite';
import pg from 'pg';
import { startPostgres } from '../../packages/store/test/postgres-server.ts';

const { values: flags } = parseArgs({
  options: {
    items: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '300' },
    json: { type: 'string' },
  },
});
const itemCount = Number(flags.items);
const rounds = Number(flags.rounds);
const me = { userId: 'ada' };
const words = 'The quick brown fox jumps over the lazy dog and thinks about it for a while. '.repeat(4);

const thread = { id: 'thr', created_at: '2026-01-01T00:00:00Z', status: { type: 'active' }, metadata: {} };
/** Ten items share each millisecond, as they do when an agent stores a turn at once. */
const itemAt = (n) => ({
  type: 'assistant_message',
  id: `msg_${n}`,
  thread_id: 'thr',
  created_at: new Date(Date.UTC(2026, 0, 1) + Math.floor(n / 10)).toISOString(),
  content: [{ type: 'output_text', text: `${n} ${words}`, annotations: [] }],
});

const fill = async (store) => {
  const start = performance.now();
  await store.saveThread(thread, me);
  for (let from = 0; from < itemCount; from += 5_000)
    await store.transaction(async (tx) => {
      for (let n = from; n < Math.min(itemCount, from + 5_000); n += 1) await tx.saveItem('thr', itemAt(n), me);
    }, me);
  return performance.now() - start;
};

const pages = {
  'newest 20': { limit: 20, order: 'desc' },
  'oldest 20': { limit: 20, order: 'asc' },
  'middle, back': { limit: 20, order: 'desc', after: `msg_${itemCount >> 1}` },
  'middle, on': { limit: 20, order: 'asc', after: `msg_${itemCount >> 1}` },
  'last page back': { limit: 20, order: 'desc', after: 'msg_20' },
};

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];

/** Milliseconds of each kind of page, the kinds taking turns so that noise meets all of them. */
const measure = async (store) => {
  const times = Object.fromEntries(Object.keys(pages).map((name) => [name, []]));
  for (let round = -20; round < rounds; round += 1) {
    for (const [name, page] of Object.entries(pages)) {
      const start = performance.now();
      const { data } = await store.listItems('thr', page, me);
      const ms = performance.now() - start;
      if (data.length !== 20) throw new Error(`${name}: ${data.length} items`);
      if (round >= 0) times[name].push(ms);
    }
  }
  return Object.fromEntries(
    Object.entries(times).map(([name, list]) => {
      const sorted = list.sort((a, b) => a - b);
      return [name, { median: quantile(sorted, 0.5), p95: quantile(sorted, 0.95) }];
    }),
  );
};

const folder = mkdtempSync(join(tmpdir(), 'chatkit-bench-'));
const postgres = await startPostgres();
const pool = postgres && new pg.Pool({ connectionString: postgres.url });
const sqlite = createSqliteStore({ path: join(folder, 'bench.db') });
const sqliteVersion = new DatabaseSync(':memory:').prepare('SELECT sqlite_version() AS version').get().version;
const stores = {
  memory: createMemoryStore(),
  [`SQLite ${sqliteVersion}`]: sqlite,
  ...(pool && { [postgres.version]: createPostgresStore({ client: pool }) }),
};

const [cpu] = cpus();
const machine = `${cpu?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
console.log(
  `${machine}\n${itemCount.toLocaleString('en')} items in one thread; ${rounds} rounds; median (p95) in ms\n`,
);
const results = {};
try {
  const names = Object.keys(pages);
  console.log(['store'.padEnd(18), 'fill, s'.padStart(8), ...names.map((name) => name.padStart(16))].join(' '));
  for (const [name, store] of Object.entries(stores)) {
    const fillMs = await fill(store);
    if (name.startsWith('PostgreSQL')) await pool.query('ANALYZE');
    const measured = await measure(store);
    results[name] = { fillMs, pages: measured };
    const cells = names.map((each) =>
      `${measured[each].median.toFixed(2)} (${measured[each].p95.toFixed(2)})`.padStart(16),
    );
    console.log([name.padEnd(18), (fillMs / 1000).toFixed(1).padStart(8), ...cells].join(' '));
  }
} finally {
  sqlite.close();
  await pool?.end();
  await postgres?.stop();
  rmSync(folder, { recursive: true, force: true });
}

const slowest = Math.max(
  ...Object.values(results).flatMap((each) => Object.values(each.pages).map((page) => page.median)),
);
console.log(`\nslowest median: ${slowest.toFixed(2)} ms (the aim is under 10)`);
if (flags.json) writeFileSync(flags.json, `${JSON.stringify({ machine, itemCount, rounds, results }, null, 2)}\n`);
