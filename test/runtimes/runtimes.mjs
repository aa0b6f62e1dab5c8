// The runtimes that the tests of this folder start: from npm, at the versions of install/package.json, into
// node_modules/.cache. They are 750 MB, so nothing else installs them; without a network the tests say that they are skipped.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const root = path.dirname(path.dirname(import.meta.dirname));
const cache = path.join(root, 'node_modules/.cache/runtimes');
const files = ['package.json', 'package-lock.json'];

/** Where each runtime's program is, by its name. `undefined`, with the reason printed, where they cannot be had. */
export function findRuntimes() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return missing('only Linux on x64 has all of them');
  const sources = files.map((file) => path.join(import.meta.dirname, 'install', file));
  const want = createHash('sha256')
    .update(sources.map((file) => readFileSync(file)).join(''))
    .digest('hex');
  const stamp = path.join(cache, '.stamp');
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== want) {
    mkdirSync(cache, { recursive: true });
    for (const [at, file] of files.entries()) copyFileSync(sources[at], path.join(cache, file));
    const { status, stderr } = spawnSync('npm', ['ci', '--ignore-scripts', '--loglevel=error', '--no-audit'], {
      cwd: cache,
      encoding: 'utf8',
    });
    if (status !== 0) return missing(stderr);
    writeFileSync(stamp, want);
  }
  const at = (file) => path.join(cache, 'node_modules', file);
  return {
    node22: at('node22/bin/node'),
    node24: process.execPath,
    node26: at('node26/bin/node'),
    bun: at('@oven/bun-linux-x64/bin/bun'),
    deno: at('@deno/linux-x64-glibc/deno'),
    workerd: at('@cloudflare/workerd-linux-64/bin/workerd'),
  };
}

function missing(why) {
  console.warn(`SKIPPED: the runtimes could not be installed: ${String(why).trim().split('\n').slice(-3).join(' ')}`);
  return undefined;
}

/** Runs a program to its end; one that takes too long is killed, with its children. */
export function execute(command, args, { cwd, timeoutMs = 120_000 }) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let output = '';
    const add = (data) => {
      output += data;
    };
    child.stdout.on('data', add);
    child.stderr.on('data', add);
    const timer = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), timeoutMs);
    child.on('error', (error) => resolve({ code: -1, output: String(error) }));
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, output });
    });
  });
}
