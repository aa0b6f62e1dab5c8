// What a log in Redis costs beside the one in memory: time to the first token, gaps between tokens, and CPU a token, for
// many runs at the pace of a model. Both logs take turns in one process.
// Build first (`npm run build`), then: node bench/store/redis.mjs [--runs 500] [--rate 30] [--seconds 6] [--client ioredis] [--flush 25] [--json file]
// `--log path/to/redis/index.js` takes the log of another build, to compare two of them run by run.
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { createMemoryLog } from '@chatkit/store/memory';
import { redisClients } from '../../packages/store/test/redis-clients.ts';
import { startRedis } from '../../packages/store/test/redis-server.ts';

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '500' },
    rate: { type: 'string', default: '30' },
    seconds: { type: 'string', default: '6' },
    client: { type: 'string', default: 'node-redis' },
    flush: { type: 'string', default: '25' },
    json: { type: 'string' },
    log: { type: 'string' },
  },
});
const { createRedisLog } = await import(flags.log ? pathToFileURL(resolve(flags.log)).href : '@chatkit/store/redis');
const runCount = Number(flags.runs);
const periodMs = 1_000 / Number(flags.rate);
const tokenCount = Math.round(Number(flags.seconds) * Number(flags.rate));

const server = await startRedis();
if (server === undefined) process.exit(1);
const { client, close } = await redisClients[flags.client](server.url);

const quantile = (values, q) => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
};
const eventOf = (n) => ({
  type: 'thread.item.updated',
  item_id: 'msg_1234567890',
  update: { type: 'assistant_message.content_part.text_delta', content_index: 0, delta: ` token${n}` },
});
/** CPU of a process in µs; a tick of the kernel is 10 ms. */
const cpuOf = (pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
};

/** Runs everything once: each run has a producer at the given pace and a reader in the same process. */
const measure = async (log, prefix) => {
  const first = [];
  const late = [];
  const promises = [];
  const ids = Array.from({ length: runCount }, (_, n) => `${prefix}-${n}`);
  const cpu = process.cpuUsage();
  const redisCpu = cpuOf(server.pid());
  await Promise.all(
    ids.map(async (id, n) => {
      await new Promise((done) => setTimeout(done, (n / runCount) * 1_000));
      const asked = performance.now();
      const sentAt = [];
      await log.create(id);
      const reading = (async () => {
        let seq = 0;
        for await (const entry of log.read(id)) {
          if ('end' in entry) return;
          const now = performance.now();
          if (seq === 0) first.push(now - asked);
          late.push(now - sentAt[seq]);
          seq += 1;
        }
      })();
      const start = performance.now();
      for (let seq = 0; seq < tokenCount; seq += 1) {
        sentAt.push(performance.now());
        const room = log.append(id, [{ offset: `1-${seq + 1}`, event: eventOf(seq) }]);
        if (room !== undefined) {
          promises.push(seq);
          await room;
        }
        await new Promise((done) => setTimeout(done, Math.max(0, start + (seq + 1) * periodMs - performance.now())));
      }
      await log.append(id, [{ offset: `1-${tokenCount + 1}`, end: 'completed' }]);
      await reading;
    }),
  );
  const used = process.cpuUsage(cpu);
  const tokens = runCount * tokenCount;
  return {
    firstTokenMs: quantile(first, 0.5),
    firstTokenP95Ms: quantile(first, 0.95),
    deliveryP50Ms: quantile(late, 0.5),
    deliveryP95Ms: quantile(late, 0.95),
    nodeCpuPerTokenUs: (used.user + used.system) / tokens,
    redisCpuPerTokenUs: (cpuOf(server.pid()) - redisCpu) / tokens,
    waits: promises.length,
  };
};

const rounds = { memory: [], redis: [] };
for (let round = 0; round < 6; round += 1) {
  const order = round % 2 === 0 ? ['memory', 'redis'] : ['redis', 'memory'];
  for (const name of order) {
    const log = name === 'memory' ? createMemoryLog() : createRedisLog({ client, flushMs: Number(flags.flush) });
    const result = await measure(log, `${name}-${round}`);
    // The first round warms up.
    if (round > 0) rounds[name].push(result);
    await log.close?.();
  }
}

/** From the machine that runs the run to a reader on another one: from append to arrival. */
const across = async () => {
  const other = await redisClients[flags.client](server.url);
  const [a, b] = [createRedisLog({ client, flushMs: Number(flags.flush) }), createRedisLog({ client: other.client })];
  const delays = [];
  await Promise.all(
    Array.from({ length: 50 }, async (_, n) => {
      const id = `across-${n}`;
      const sentAt = [];
      await a.create(id);
      const reading = (async () => {
        let seq = 0;
        for await (const entry of b.read(id)) if ('event' in entry) delays.push(performance.now() - sentAt[seq++]);
      })();
      for (let seq = 0; seq < 90; seq += 1) {
        sentAt.push(performance.now());
        await a.append(id, [{ offset: `1-${seq + 1}`, event: eventOf(seq) }]);
        await new Promise((done) => setTimeout(done, periodMs));
      }
      await a.append(id, [{ offset: '1-91', end: 'completed' }]);
      await reading;
    }),
  );
  await a.close();
  await b.close();
  other.close();
  return { p50Ms: quantile(delays, 0.5), p95Ms: quantile(delays, 0.95) };
};

const median = (list, key) =>
  quantile(
    list.map((each) => each[key]),
    0.5,
  );
const results = Object.fromEntries(
  Object.entries(rounds).map(([name, list]) => [
    name,
    Object.fromEntries(Object.keys(list[0]).map((key) => [key, Number(median(list, key).toFixed(3))])),
  ]),
);
const elsewhere = await across();
const machine = `${cpus()[0].model}, ${cpus().length} cores, Node ${process.versions.node}, ${server.version}, ${flags.client}`;
console.log(
  `${machine}: ${runCount} runs at ${flags.rate} tokens/s, ${tokenCount} tokens each, readers in the same process`,
);
console.table(results);
/** The median of the differences of neighbouring rounds: what else the machine does is in both. */
const added = (key) =>
  quantile(
    rounds.redis.map((each, n) => each[key] - rounds.memory[n][key]),
    0.5,
  ).toFixed(2);
console.log(`added to the first token: ${added('firstTokenMs')} ms (p95 ${added('firstTokenP95Ms')}; the aim is 5)`);
console.log(`added to a token's delivery, p95: ${added('deliveryP95Ms')} ms (the aim is 5)`);
console.log(
  `added CPU of the server: ${added('nodeCpuPerTokenUs')} µs a token (the aim is 10); of Redis: ${results.redis.redisCpuPerTokenUs}`,
);
console.log(`to a reader on another machine: ${elsewhere.p50Ms.toFixed(1)} ms (p95 ${elsewhere.p95Ms.toFixed(1)})`);
if (flags.json) writeFileSync(flags.json, `${JSON.stringify({ machine, flags, results, elsewhere }, null, 2)}\n`);
close();
await server.stop();
