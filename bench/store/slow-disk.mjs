// How evenly tokens flow while the disk is slow to sync, with store, log and lease in SQLite files: the time between two tokens of an answer, and how
// often the process waited for the disk. `strace` delays every `fsync` and `fdatasync` of a server; a second process reads it.
// Build first (`npm run build`), then: node bench/store/slow-disk.mjs [--runs 50] [--rate 20] [--seconds 10] [--delays 0,5,20,50]
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '50' },
    rate: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '10' },
    delays: { type: 'string', default: '0,5,20,50' },
    serve: { type: 'string' },
  },
});
const [runs, rate, seconds] = [Number(flags.runs), Number(flags.rate), Number(flags.seconds)];
if (flags.serve === undefined) await compare();
else await serve(flags.serve);

async function serve(folder) {
  const { streamTextResponse } = await import('@chatkit/agents/text');
  const { createChatKitServer } = await import('@chatkit/server');
  const { toNodeHandler } = await import('@chatkit/server/node');
  const { createSqliteLease, createSqliteLog, createSqliteStore } = await import('@chatkit/store/sqlite');
  async function* model() {
    for (let token = 0; token < rate * seconds; token++) {
      await new Promise((resolve) => setTimeout(resolve, 1000 / rate));
      yield `word ${token} `;
    }
  }
  const server = createChatKitServer({
    store: createSqliteStore({ path: join(folder, 'chat.db') }),
    log: createSqliteLog({ path: join(folder, 'runs.db') }),
    lease: createSqliteLease({ path: join(folder, 'runs.db') }),
    respond: (thread) => streamTextResponse(thread, model()),
  });
  const http = createServer(toNodeHandler(server)).listen(0, '127.0.0.1', () => console.log(http.address().port));
  process.stdin.on('end', () => process.exit(0)).resume();
}

async function compare() {
  console.log(`${runs} answers at ${rate} tokens/s for ${seconds} s\n`);
  console.log(
    '| a sync takes at least | syncs | between two tokens, p50 | p95 | p99 | longest |\n|---|---|---|---|---|---|',
  );
  for (const delay of flags.delays.split(',').map(Number)) {
    const folder = mkdtempSync(join(tmpdir(), 'chatkit-slow-disk-'));
    const trace = join(folder, 'trace');
    const script = [
      fileURLToPath(import.meta.url),
      '--serve',
      folder,
      '--rate',
      flags.rate,
      '--seconds',
      flags.seconds,
    ];
    const slow = `inject=fsync,fdatasync:delay_enter=${delay * 1000}`;
    const strace = ['-f', '--seccomp-bpf', '-o', trace, '-e', 'trace=fsync,fdatasync', '-e', slow];
    const child = spawn('strace', [...strace, process.execPath, ...script], { stdio: ['pipe', 'pipe', 'inherit'] });
    const exited = new Promise((resolve) => child.once('exit', resolve));
    const port = await new Promise((resolve) => createInterface(child.stdout).once('line', resolve));
    const before = syncs(trace);
    const gaps = (await Promise.all(Array.from({ length: runs }, () => read(port)))).flat().sort((a, b) => a - b);
    const at = (q) => `${gaps[Math.floor((gaps.length - 1) * q)].toFixed(0)} ms`;
    const count = syncs(trace) - before;
    console.log(`| ${delay} ms | ${count} | ${at(0.5)} | ${at(0.95)} | ${at(0.99)} | ${at(1)} |`);
    child.stdin.end();
    await exited;
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The times between the tokens of one answer, which begins at a random moment. */
async function read(port) {
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 1000));
  const input = { content: [{ type: 'input_text', text: 'hello' }], attachments: [], inference_options: {} };
  const response = await fetch(`http://127.0.0.1:${port}/chatkit`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'threads.create', params: { input } }),
  });
  const gaps = [];
  let last;
  const decoder = new TextDecoder();
  for await (const chunk of response.body) {
    if (!decoder.decode(chunk).includes('text_delta')) continue;
    const now = performance.now();
    if (last !== undefined) gaps.push(now - last);
    last = now;
  }
  return gaps;
}

function syncs(trace) {
  return readFileSync(trace, 'utf8').match(/sync\(/g)?.length ?? 0;
}
