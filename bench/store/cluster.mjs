// What the two things cost that need another machine: from a stop that is sent to B until A's generator has ended, and from
// `kill -9` of A until a reader on B has the terminal frame. Three processes and a Redis, as in test/cluster.
// Build first (`npm run build`), then: node bench/store/cluster.mjs [--stops 100] [--kills 20] [--lease 1000]
import { randomUUID } from 'node:crypto';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { startNodes } from '../../test/cluster/nodes.ts';
import { attach, message, post, read, until } from '../../test/cluster/requests.ts';

const { values: flags } = parseArgs({
  options: {
    stops: { type: 'string', default: '100' },
    kills: { type: 'string', default: '20' },
    lease: { type: 'string', default: '1000' },
  },
});
const leaseMs = Number(flags.lease);
const nodes = await startNodes({ names: ['a', 'b'], leaseMs });

/** A long answer on A with a reader on B, once both have words of it. */
const startOnA = async () => {
  const runId = randomUUID();
  const onA = read(post(nodes.url('a'), message('Write 5000 words.'), runId));
  await until('the first words', () => onA.words() > 0);
  const onB = read(attach(nodes.url('b'), runId));
  await until('words on B', () => onB.words() > 0);
  return { runId, onA, onB };
};

const stops = { generator: [], reader: [] };
for (let round = 0; round < Number(flags.stops); round += 1) {
  const { runId, onA, onB } = await startOnA();
  const asked = performance.now();
  await post(nodes.url('b'), { type: 'runs.cancel', params: { run_id: runId } });
  await until('the end of the generator', () => nodes.ended(runId).length === 1);
  stops.generator.push(nodes.ended(runId)[0].at - asked);
  if ((await onB.ended) !== 'cancelled' || (await onA.ended) !== 'cancelled') throw new Error('It was not cancelled.');
  stops.reader.push(performance.now() - asked);
}

const kills = [];
for (let round = 0; round < Number(flags.kills); round += 1) {
  const { onB } = await startOnA();
  const killed = performance.now();
  await nodes.node('a').kill();
  nodes.cut('a');
  const outcome = await onB.ended;
  kills.push(performance.now() - killed);
  if (outcome !== 'interrupted') throw new Error(`The reader on B was told ${outcome}.`);
  await nodes.node('a').start();
}
const unhandled = nodes.unhandled();
await nodes.close();

const row = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share) => Number(sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)].toFixed(0));
  return { times: sorted.length, 'p50 ms': at(0.5), 'p95 ms': at(0.95), 'max ms': at(1) };
};
console.log(
  `${cpus()[0].model}, ${cpus().length} cores, Node ${process.versions.node}, load ${loadavg()[0].toFixed(1)}`,
);
console.table({
  'stop on B to the end of the generator on A': row(stops.generator),
  'stop on B to the terminal frame on A and B': row(stops.reader),
  [`kill -9 of A to the terminal frame on B, lease ${leaseMs} ms`]: row(kills),
});
console.log(`unhandled rejections: ${unhandled.length}`);
