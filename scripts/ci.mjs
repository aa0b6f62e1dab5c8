// Everything that CI does, in order: the programs that some tests start, `npm test`, then the static checks. Each check
// counts as one more test in the closing line, `N passed, N failed`, and a failure in one does not hide the next.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { findFirefox } from './firefox.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const programs = [
  { package: 'redis-server', found: () => has('redis-server') },
  { package: 'nginx-light', found: () => has('nginx') },
  { package: 'firefox-esr', found: () => findFirefox() !== undefined },
  { package: 'webkit2gtk-driver', found: () => has('WebKitWebDriver') },
  { package: 'xvfb', found: () => has('Xvfb') },
];

const checks = [
  ['lint', 'biome', ['ci', '.']],
  ['workspace', 'sherif', []],
  ['unused code', 'knip', []],
  ['lockfile', 'node', ['scripts/complete-lock.mjs', '--check']],
  ['layers', 'node', ['scripts/check-layers.mjs']],
  ['examples', 'node', ['scripts/check-examples.mjs']],
  ['what a stranger installs', 'node', ['scripts/check-stranger.mjs']],
  ['links', 'node', ['scripts/check-links.mjs']],
  ['api pages', 'node', ['scripts/api-docs.mjs', '--check']],
  ['types', 'npm', ['run', '-s', 'typecheck', '--', '--output-logs=errors-only', '--continue']],
  ['packages', 'turbo', ['run', 'check:pkg', '--output-logs=errors-only', '--continue']],
  ['size', 'size-limit', []],
];

installPrograms();

const tests = await run('npm', ['test']);
const counts = { passed: count(tests.output, 'passed'), failed: count(tests.output, 'failed') };
if (tests.status !== 0 && counts.failed === 0) counts.failed = 1;

// The same tests in the other runtimes; needs the builds that `npm test` has made.
const runtimes = await run('node', [
  'test/runtimes/run.mjs',
  'node22',
  'node26',
  'bun',
  'deno',
  'workerd',
  'chromium',
  'firefox',
  'webkit',
]);
counts.passed += count(runtimes.output, 'passed');
counts.failed += count(runtimes.output, 'failed') || Number(runtimes.status !== 0);

for (const [name, command, args] of checks) {
  const started = Date.now();
  console.log(`\n── ${name}`);
  const { status } = await run(command, args);
  counts[status === 0 ? 'passed' : 'failed'] += 1;
  console.log(`── ${name}: ${status === 0 ? 'ok' : 'FAILED'} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

console.log(`\n${counts.passed} passed, ${counts.failed} failed`);
process.exit(counts.failed === 0 ? 0 : 1);

/** The number before `word` in the runner's `Tests` line, for example `Tests  2 failed | 310 passed (312)`. */
function count(output, word) {
  const line = stripVTControlCharacters(output)
    .split('\n')
    .findLast((each) => /^\s*Tests\s/.test(each));
  return Number(new RegExp(`(\\d+) ${word}`).exec(line ?? '')?.[1] ?? 0);
}

function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: process.env });
    let output = '';
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      from.on('data', (chunk) => {
        output += chunk;
        to.write(chunk);
      });
    }
    child.on('error', (error) => {
      console.error(String(error));
      resolve({ status: 1, output });
    });
    child.on('close', (status) => resolve({ status: status ?? 1, output }));
  });
}

function has(program) {
  return (process.env.PATH ?? '')
    .split(':')
    .concat('/usr/sbin')
    .some((dir) => existsSync(`${dir}/${program}`));
}

/** Debian packages that are missing, so that no test is skipped. Without apt or root the tests say what they skip. */
function installPrograms() {
  const missing = programs.filter((each) => !each.found()).map((each) => each.package);
  if (missing.length === 0 || !has('apt-get') || process.getuid?.() !== 0) return;
  console.log(`installing ${missing.join(', ')}`);
  const apt = (...args) => spawnSync('apt-get', ['-q', ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  apt('update');
  apt('install', '-y', '--no-install-recommends', ...missing);
}
