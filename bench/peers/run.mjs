/**
 * What happens when things go wrong, asked of every toolkit. Prints and writes docs/benchmarks/peers.md.
 *
 *   node bench/peers/run.mjs [--install] [--only=cut-clean,size] [--toolkits=chatkit,ai] [--dry]
 */
import { execFile, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { hasPeers, peersDir } from '../transport/src/peer.mjs';

const here = import.meta.dirname;
const { values } = parseArgs({
  options: {
    install: { type: 'boolean' },
    dry: { type: 'boolean' },
    only: { type: 'string' },
    toolkits: { type: 'string' },
  },
});
const listed = (text, all) => text?.split(',') ?? all;
const toolkits = listed(values.toolkits, ['chatkit', 'ai', 'tanstack', 'ag-ui']);
const probes = listed(values.only, [
  'cut-clean',
  'cut-reset',
  'bad-gateway',
  'offline',
  'half-open',
  'crlf',
  'unknown-event',
  'run-ahead',
  'two-sends',
  'durable-first-token',
  'smooth-burst',
  'smooth-tail',
  'smooth-cjk',
  'size',
]);

if (values.install) {
  mkdirSync(peersDir, { recursive: true });
  copyFileSync(path.join(here, '../transport/deps/peers.json'), path.join(peersDir, 'package.json'));
  spawnSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: peersDir, stdio: 'inherit' });
} else if (!hasPeers) {
  console.error('The peers are not installed: node bench/peers/run.mjs --install');
  process.exit(1);
}

const ask = async (probe, toolkit) => {
  const { stdout } = await promisify(execFile)(process.execPath, [path.join(here, 'ask-one.mjs'), probe, toolkit], {
    timeout: 60_000,
  });
  return JSON.parse(stdout.trim().split('\n').at(-1));
};

const mark = ({ ok, seen }) => (ok === undefined ? seen : `${ok ? '✓' : '✗'} ${seen}`);
const names = new Map();
const rows = [];
for (const probe of probes) {
  const cells = [];
  let question;
  for (const toolkit of toolkits) {
    const answer = await ask(probe, toolkit);
    names.set(toolkit, answer.name);
    question = answer.question;
    cells.push(answer.result === null ? '–' : mark(answer.result));
  }
  rows.push(`| ${question} | ${cells.join(' | ')} |`);
  console.log(rows.at(-1));
}

const table = [`| | ${[...names.values()].join(' | ')} |`, `|---${'|---'.repeat(names.size)}|`, ...rows].join('\n');
const page = `# When things go wrong: this project and its peers

An answer that loses its connection arrives whole here, and is cut off with most other toolkits. A reader that stops reading holds
the model back only here. The questions are ours and ask for what this project was made for;
[where the others are ahead](#where-they-are-ahead) is below.

Each toolkit is used as its own documentation shows, over a real HTTP server on loopback, and asked the same questions. The answer
is a hundred words, 20 ms apart. ✓ and ✗ say whether a user would be content; “–” means that the toolkit has no such part. Each cell
is a process of its own. To ask again, run \`node bench/peers/run.mjs --install\`; each question is a short file in
[bench/peers/probes](../../bench/peers/probes).

- asked on ${new Date().toISOString().slice(0, 10)}, Node ${process.version}

${table}

## What to know when reading this

- **The AI SDK** resumes a stream if you add Redis, \`resumable-stream\`, an endpoint and a table of active streams. It then replays
  from the first chunk, on a reload or when the page becomes visible, but not after a lost connection. So its rows here would be the
  same.
- **TanStack AI** runs with its log (\`memoryStream\`) on. That is why it passes where it does.
- **AG-UI** has a client but no server helper for TypeScript, and its protocol does not say how to resume.
- **Two messages at once**: the AI SDK and TanStack AI queue them within one client. With two tabs, or a client that is not theirs,
  their server writes both answers.
- **Defaults.** All run with their defaults. Some can be set: TanStack’s log passes on 32 chunks at a time (\`batch\`), which at 30 ms
  a word delays its first word; \`smoothStream\` waits 10 ms a word (\`delayInMs\`) and takes another \`chunking\` for Chinese; our own
  heartbeat is 15 s unless it is set.

## Where they are ahead

- More model providers, and bindings for Vue, Svelte, Angular and Solid: the AI SDK, TanStack AI.
- Generated objects, images and speech: the AI SDK.
- An ecosystem of back ends in several languages: AG-UI.
- Years of use in production.

\`@chatkit/agents\` builds on the AI SDK and the OpenAI Agents SDK rather than against them, and \`@chatkit/interop\` serves the front ends of the AI SDK and of AG-UI.
`;
if (!values.dry && !values.only && !values.toolkits) {
  writeFileSync(path.join(here, '../../docs/benchmarks/peers.md'), page);
}
