/**
 * Measures every operator of every contestant against a bare `for await`, and writes docs/benchmarks/stream.*.
 *
 *   node bench/stream/run.mjs [--items=20000] [--peers=/folder/with/node_modules] [--only=map,tee] [--dry]
 *
 * Peers are looked up in that folder, because this repository does not depend on them:
 *   npm install --prefix <folder> streaming-iterables ix rxjs rxjs-for-await
 */

import { execFile, execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { build } from 'esbuild';
import { loadCandidates } from './candidates.mjs';
import { barChart } from './chart.mjs';

const { values } = parseArgs({
  options: {
    items: { type: 'string', default: '20000' },
    peers: { type: 'string' },
    only: { type: 'string' },
    dry: { type: 'boolean', default: false },
  },
});
const root = path.resolve(import.meta.dirname, '../..');
const outDir = path.join(root, 'docs/benchmarks');

// One file of plain JavaScript, as an application's bundler would make it.
const bundle = path.join(await mkdtemp(path.join(os.tmpdir(), 'stream-bench-')), 'stream.mjs');
await build({
  entryPoints: [path.join(root, 'packages/stream/src/index.ts')],
  outfile: bundle,
  bundle: true,
  format: 'esm',
  target: 'es2023',
});
const streamUrl = pathToFileURL(bundle).href;

/** The operators, what each contestant needs to take part, and the ratio that this package is held to. */
const operators = [
  { name: 'map', needs: 'map', goal: 1.5 },
  { name: 'filter', needs: 'filter', goal: 1.5 },
  { name: 'chain4', needs: 'filter', goal: 2 },
  { name: 'merge2', needs: 'merge', goal: 2 },
  { name: 'merge10', needs: 'merge', goal: 2 },
  { name: 'batch100', needs: 'batch', goal: 1.1 },
  { name: 'batch100/5ms', needs: 'batchTime', goal: 1.1 },
  { name: 'buffer1000', needs: 'buffer', goal: 2 },
  { name: 'tee', needs: 'tee', goal: 3 },
  { name: 'map, chunks of 32', needs: 'map', goal: 0.6 },
  { name: 'map, chunks of 32, forEach', needs: 'forEach', goal: 0.2 },
].filter(({ name }) => values.only === undefined || values.only.split(',').includes(name));

const candidates = await loadCandidates(streamUrl, values.peers);
const loadBefore = os.loadavg()[0];
const results = [];
for (const operator of operators) {
  for (const [name, candidate] of Object.entries(candidates)) {
    if (!candidate[operator.needs]) continue;
    const args = [
      '--expose-gc',
      path.join(import.meta.dirname, 'cell.mjs'),
      operator.name,
      name,
      values.items,
      streamUrl,
    ];
    if (values.peers !== undefined) args.push(values.peers);
    try {
      const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 120_000 });
      const result = JSON.parse(stdout.trim().split('\n').at(-1));
      results.push(result);
      console.log(`${operator.name.padEnd(28)} ${name.padEnd(22)} ${result.ratio.toFixed(2).padStart(7)}`);
    } catch (error) {
      console.error(`${operator.name} ${name}: ${String(error.message).split('\n')[0]}`);
    }
  }
}

const mega = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;
async function measureMemory() {
  const script = path.join(import.meta.dirname, 'heap.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', script, streamUrl]);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim();
const cpus = os.cpus();
const machine = `${cpus.length} × ${cpus[0].model}, ${process.platform}, Node ${process.version}`;
const load = `load average ${loadBefore.toFixed(1)} before, ${os.loadavg()[0].toFixed(1)} after, of which this bench is 1`;
const ratioOf = (operator, name) =>
  results.find((result) => result.operator === operator && result.name === name)?.ratio;
const names = Object.keys(candidates);
const cell = (operator, name) => ratioOf(operator, name)?.toFixed(2) ?? '–';
const table = [
  `| operator | goal | ${names.join(' | ')} |`,
  `|---|---|${names.map(() => '---').join('|')}|`,
  ...operators.map(({ name, goal }) => `| ${name} | ≤ ${goal} | ${names.map((who) => cell(name, who)).join(' | ')} |`),
].join('\n');
const memory = values.only === undefined && !values.dry ? await measureMemory() : [];
const markdown = `# Benchmark: stream operators

Time for ${Number(values.items).toLocaleString('en')} items, divided by the time of a bare \`for await\` over the same async generator; less is
better, and 1.00 would be free. Each cell is a process of its own in which short rounds of baseline and candidate take turns; the figure is
the median of about 100 such pairs. "chunks of 32": the source offers 32 items at a time, as a network read does; peers read it
item by item. "floor, by hand" is an object that does nothing but keep the cancellation contract for one \`map\`, without errors, queue or chunks.
Write it anew with \`npm run bench:stream\`.

- machine: ${machine}
- foreign load: ${load}
- commit: ${commit}

${table}

![Chart of the table above](stream.svg)

The goals are those the package is held to on a quiet machine. One operator costs at least two reactions and two promises per item at its edges
(one to read the source, one for the reader that can be settled early): the floor above. That is the price of a \`return()\` that works while
\`next()\` is pending; where a goal lies below the floor, the contract was kept and the goal was not. Each further operator in a row adds a
fraction, and chunks pay the edges once for all their items.

## Memory

The heap after every million of 10,000,000 items, garbage collected; written by \`bench/stream/heap.mjs\`.

| pipeline | after 1 million | after 10 million | retained at the end |
|---|---|---|---|
${memory.map((row) => `| ${row.pipeline} | ${mega(row.first)} | ${mega(row.last)} | ${mega(row.retained)} |`).join('\n')}
`;
if (!values.dry) {
  await mkdir(outDir, { recursive: true });
  await writeFile(path.join(outDir, 'stream.md'), markdown);
  await writeFile(path.join(outDir, 'stream.json'), `${JSON.stringify({ machine, load, commit, results }, null, 2)}\n`);
  const groups = operators.map(({ name }) => ({
    label: name,
    bars: names.flatMap((who) => (ratioOf(name, who) === undefined ? [] : [{ name: who, value: ratioOf(name, who) }])),
  }));
  const svg = barChart({
    title: 'Time per item, relative to a bare for await (less is better)',
    subtitle: `${machine}; commit ${commit}; dashed line: the bare loop; bars are cut at 12`,
    groups,
    max: 12,
  });
  await writeFile(path.join(outDir, 'stream.svg'), svg);
  console.log(`\nwrote ${path.relative(root, outDir)}/stream.{md,json,svg}`);
}
console.log(`\n${table}`);
