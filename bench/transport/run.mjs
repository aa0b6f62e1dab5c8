// Peers and the limit, side by side, in one run: node bench/transport/run.mjs [--sections=A,B,C,D,E,F,G] [--quick] [--install]
// Prints the tables and writes docs/benchmarks/transport.md with its charts. README.md says how to read them.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { args, resultsDir } from './src/orch.mjs';
import { hasPeers, peersDir } from './src/peer.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const options = args();
mkdirSync(resultsDir, { recursive: true });
if (options.install) {
  mkdirSync(peersDir, { recursive: true });
  copyFileSync(join(here, 'deps/peers.json'), join(peersDir, 'package.json'));
  spawnSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: peersDir, stdio: 'inherit' });
}
if (!hasPeers && !options.install) {
  console.error(`The peers are not installed (${peersDir}): node bench/transport/run.mjs --install`);
  process.exit(1);
}
const quick = Boolean(options.quick);
const limits = ['raw', 'raw-batch', 'raw-net', 'raw-fair'];
const ours = ['ours', 'ours-response', 'ours-srvx', 'ours-ws'];
const server = ['server', 'server-resumable'];
const peers = [
  'fastify-sse',
  'fastify-sse-v2',
  'hono-sse',
  'hono-response',
  'srvx-response',
  'h3-eventstream',
  'better-sse',
  'ag-ui',
  'tanstack-ai',
  'ai-pipe',
  'ai-merge',
  'ws',
  'ws-drain',
  'socketio',
];
const quiet = ['--quiet=0.5', '--quietMs=3000', '--maxForeign=9'];
const rounds = Number(options.rounds ?? (quick ? 1 : 3));
const sections = {
  A: [
    'src/sections.mjs',
    'A',
    `--rounds=${rounds}`,
    '--extra=0',
    `--only=${[...limits, ...ours, ...server, ...peers]}`,
    ...quiet,
  ],
  B: [
    'src/sections.mjs',
    'B',
    `--rounds=${rounds}`,
    '--extra=0',
    `--seconds=${quick ? 4 : 8}`,
    `--only=raw,raw-net,ours,ours-response,ours-ws,server,server-resumable,ws,fastify-sse,hono-sse,tanstack-ai,ai-pipe`,
    ...quiet,
  ],
  C: [
    'src/sections.mjs',
    'C',
    `--rounds=${rounds}`,
    '--extra=0',
    `--stall=${quick ? 3000 : 10000}`,
    '--only=raw,ours,ours-response,ours-ws,fastify-sse,hono-sse,ws-drain,ws,tanstack-ai,ai-pipe',
    ...quiet,
  ],
  D: ['src/D.mjs', `--rounds=${rounds}`],
  E: [
    'src/E.mjs',
    `--rounds=${rounds}`,
    `--only=${['JSON.stringify + frame -> utf8Write', 'JSON.stringify + frame (no copy)', '@chatkit/transport: createDeltaEncoder().sse (no copy)', 'fast-json-stringify + frame -> utf8Write', 'cached prefix + regex-checked delta -> utf8Write', 'batch of 64: JSON.stringify, one utf8Write (per event)', 'batch of 64: cached prefix, one latin1/utf8 write (per event)', '@chatkit/transport: createDeltaEncoder().sse -> utf8Write', '@chatkit/transport: createDeltaEncoder().sse with an id -> utf8Write', '@chatkit/transport: batch of 64, one write (per event)'].join('|')}`,
  ],
  F: [
    'src/sections.mjs',
    'F',
    `--rounds=${rounds}`,
    '--extra=0',
    '--only=raw,ours,ours-response,ours-ws,fastify-sse,hono-sse,tanstack-ai,ai-pipe',
    ...quiet,
  ],
  G: ['src/G.mjs', `--rounds=${rounds}`, `--seconds=${quick ? 3 : 6}`],
};
const wanted =
  options.sections === undefined
    ? Object.keys(sections)
    : options.sections === true
      ? []
      : String(options.sections).split(',');
if (wanted.length > 0) {
  const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: here, encoding: 'utf8' }).stdout.trim();
  writeFileSync(join(resultsDir, 'meta.json'), JSON.stringify({ commit }));
}
for (const name of wanted) {
  console.log(`\n=== ${name}`);
  rmSync(join(resultsDir, `${name}.jsonl`), { force: true });
  spawnSync(process.execPath, sections[name], { cwd: here, stdio: 'inherit' });
}
spawnSync(process.execPath, ['src/report.mjs'], { cwd: here, stdio: 'inherit' });
