/**
 * Runs this package's tests in other runtimes: node packages/stream/test/runtimes/run.mjs [node22 node26 bun deno workerd
 * chromium]. The tests are bundled with the sources and a stand-in for vitest into one file. Runtimes that are not
 * installed are fetched by npx, at a pinned version; one that cannot be had is skipped loudly. Not part of `npm test`,
 * as it needs the network.
 */

import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { findChromium } from '../../../../scripts/chromium.mjs';

const here = import.meta.dirname;
const folder = await mkdtemp(path.join(os.tmpdir(), 'stream-runtimes-'));

const bundle = async (name, contents) => {
  const outfile = path.join(folder, name);
  await build({
    stdin: { contents, resolveDir: here, loader: 'ts' },
    alias: { vitest: path.join(here, 'mini-test.ts') },
    outfile,
    bundle: true,
    format: 'esm',
    target: 'es2023',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    logLevel: 'error',
    ignoreAnnotations: true, // the package declares that its files have no side effects; test files have nothing else
  });
  return outfile;
};

const script = await bundle(
  'script.mjs',
  `import { runAll } from './suite.ts';
   const { failed, report } = await runAll();
   console.log(report);
   const code = failed > 0 ? 1 : 0; // the model test leaves streams open, and with them timers
   globalThis.process ? process.exit(code) : Deno.exit(code);`,
);

function execute(command, args, timeoutMs = 120_000) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let output = '';
    child.stdout.on('data', (data) => (output += data));
    child.stderr.on('data', (data) => (output += data));
    const timer = setTimeout(() => process.kill(-child.pid), timeoutMs); // the group: npx does not pass signals on
    child.on('error', (error) => resolve({ code: -1, output: String(error) }));
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, output });
    });
  });
}

const viaNpx = (spec, ...args) => execute('npx', ['-y', spec, ...args]);

/** workerd runs `test()` handlers. Its clock stands still while code runs, so the time budget cannot be seen there. */
async function inWorkerd() {
  await bundle(
    'worker.mjs',
    `export default { async test() {
       const { runAll } = await import('./suite.ts');
       const { failed, report } = await runAll((name) => name.includes('lets timers run'));
       console.log(report);
       if (failed > 0) throw new Error('failed');
     } };`,
  );
  await writeFile(
    path.join(folder, 'config.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [(name = "main", worker = (
  modules = [(name = "worker", esModule = embed "worker.mjs")], compatibilityDate = "2025-09-01"))]);`,
  );
  return viaNpx('workerd@1.20251008.0', 'test', 'config.capnp');
}

async function inChromium() {
  const options = await findChromium();
  if (!options) return { code: -1, output: 'no Chromium found' };
  const { chromium } = await import('playwright');
  const file = await bundle('browser.mjs', `import { runAll } from './suite.ts'; globalThis.runAll = runAll;`);
  const browser = await chromium.launch(options);
  try {
    const page = await browser.newPage();
    await page.addScriptTag({ content: await readFile(file, 'utf8'), type: 'module' });
    await page.waitForFunction('globalThis.runAll !== undefined');
    const { failed, report } = await page.evaluate('runAll()');
    return { code: failed, output: report };
  } finally {
    await browser.close();
  }
}

const runtimes = {
  node24: () => execute(process.execPath, [script]),
  node22: () => viaNpx('node@22.21.1', script),
  node26: () => viaNpx('node@26', script),
  bun: () => viaNpx('bun@1.3.1', script),
  deno: () => viaNpx('deno@2.5.6', 'run', '--no-check', script),
  workerd: inWorkerd,
  chromium: inChromium,
};

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(runtimes);
let hasFailed = false;
for (const name of wanted) {
  const { code, output } = await runtimes[name]();
  const summary = /\d+ passed, \d+ failed, \d+ skipped/.exec(output)?.[0];
  if (summary === undefined)
    console.warn(`SKIPPED: ${name} could not be run\n${output.trim().split('\n').slice(-5).join('\n')}`);
  else console.log(`${name.padEnd(10)} ${summary}${code === 0 ? '' : `\n${output}`}`);
  if (summary !== undefined && code !== 0) hasFailed = true;
}
await rm(folder, { recursive: true, force: true });
process.exit(hasFailed ? 1 : 0);
