/**
 * The runtimes, each really started from its npm package: node test/runtimes/run.mjs [node22 node24 node26 bun deno workerd
 * chromium firefox webkit]. In each run the tests of the stream package, in the browsers that vitest does not drive the tests of pages, the conformance kit of the transports over the runtime's own
 * server, the SQLite store where there is `node:sqlite`, the store and the guide's Worker where there are Durable Objects, and a chat
 * server of the built packages that is asked from outside. Tests are bundled with a stand-in for vitest.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { findChromium } from '../../scripts/chromium.mjs';
import { findFirefox, launchFirefox } from '../../scripts/firefox.mjs';
import { findWebKit, launchWebKit } from '../../scripts/webkit.mjs';
import { askGuide } from './evictions.mjs';
import { objectConfig } from './objects.mjs';
import { execute, findRuntimes } from './runtimes.mjs';
import { askServer } from './serving.mjs';

const here = import.meta.dirname;
const root = path.dirname(path.dirname(here));
const folder = await mkdtemp(path.join(os.tmpdir(), 'chatkit-runtimes-'));

/** What users install: `dist`, not the sources beside it; so the short names of the stream package are tested, too. */
const built = {
  name: 'built',
  setup: ({ onResolve }) =>
    onResolve({ filter: /\/src\/(\w+\/)?index\.ts$/ }, ({ path: asked, importer }) => {
      const [, name] = /packages\/(\w+)\/test\//.exec(importer) ?? [];
      if (name === undefined) return undefined;
      return { path: path.join(root, 'packages', name, asked.replace(/^.*\/src\//, 'dist/').replace(/\.ts$/, '.js')) };
    }),
};

const bundle = async (name, contents, options = {}) => {
  const outfile = path.join(folder, name);
  await build({
    stdin: { contents, resolveDir: root, loader: 'ts' },
    alias: { vitest: path.join(here, 'mini-test.ts') },
    plugins: [built, raw],
    outfile,
    bundle: true,
    format: 'esm',
    target: 'es2023',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    external: ['node:*', 'cloudflare:*'],
    logLevel: 'error',
    ignoreAnnotations: true, // packages declare that their files have no side effects; test files have nothing else
    ...options,
  });
  return outfile;
};

/** A file as its text, as Vite has it. */
const raw = {
  name: 'raw',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\?raw$/ }, ({ path: asked, resolveDir }) => ({
      path: path.join(resolveDir, asked.slice(0, -'?raw'.length)),
      namespace: 'raw',
    }));
    onLoad({ filter: /./, namespace: 'raw' }, async ({ path: file }) => ({
      contents: await readFile(file, 'utf8'),
      loader: 'text',
    }));
  },
};

/** React has its checks in development alone. */
const forPages = { jsx: 'automatic', define: { 'process.env.NODE_ENV': '"development"' } };

const pages = './test/runtimes/pages.ts';
const streams = './packages/stream/test/runtimes/suite.ts';
const sqlite = './packages/store/test/runtimes/sqlite.ts';
const durableObject = './packages/store/test/runtimes/durable-object.ts';
const transports = (name) => `./packages/transport/test/runtimes/${name}.ts`;

/** `ws` is CommonJS and asks for Node's modules by `require`. */
const forNode = {
  platform: 'node',
  banner: { js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);` },
};

const script = (suite) =>
  `import { runAll } from '${suite}';
   const { failed, report } = await runAll();
   console.log(report);
   const code = failed > 0 ? 1 : 0; // some tests leave streams open, and with them timers
   globalThis.process ? process.exit(code) : Deno.exit(code);`;

/** workerd runs `test()` handlers. Its clock stands still while code runs, so a time budget cannot be seen there. */
const worker = (suite) =>
  `export default { async test() {
     const { runAll } = await import('${suite}');
     const { failed, report } = await runAll((name) => name.includes('lets timers run'));
     console.log(report);
     if (failed > 0) throw new Error('failed');
   } };`;

const programs = findRuntimes();

const inProgram =
  (name, args = []) =>
  async (suite) => {
    const file = await bundle(`${name}.mjs`, script(suite), suite === streams ? {} : forNode);
    return execute(programs[name], [...args, file], { cwd: folder });
  };

const inWorkerd = async (suite) => {
  await bundle('worker.mjs', worker(suite));
  await writeFile(
    path.join(folder, 'test.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [(name = "main", worker = (modules = [(name = "worker", esModule = embed "worker.mjs")],
  compatibilityDate = "2026-09-01"))]);`,
  );
  return execute(programs.workerd, ['test', 'test.capnp'], { cwd: folder });
};

/** An object with SQLite, in which the suite runs, and one without. */
const inDurableObject = async (suite) => {
  await bundle(
    'object.mjs',
    `export class Suite {
       constructor(ctx, env) { this.ctx = ctx; this.env = env; }
       async fetch() {
         const { runIn } = await import('${suite}');
         const { PLAIN } = this.env;
         return Response.json(await runIn(this.ctx.storage, async () => (await PLAIN.getByName('one').fetch('http://plain/')).text()));
       }
     }
     export class Plain {
       constructor(ctx) { this.ctx = ctx; }
       async fetch() { return new Response((await import('${suite}')).refusalOf(this.ctx.storage)); }
     }
     export default { async test(_, env) {
       const { failed, report } = await (await env.SUITE.getByName('one').fetch('http://suite/')).json();
       console.log(report);
       if (failed > 0) throw new Error('failed');
     } };`,
  );
  const disk = await mkdtemp(path.join(folder, 'disk-'));
  await writeFile(
    path.join(folder, 'object.capnp'),
    objectConfig({ script: 'object.mjs', disk, classes: { SUITE: 'Suite', PLAIN: 'Plain' }, withoutSql: 'PLAIN' }),
  );
  return execute(programs.workerd, ['test', 'object.capnp'], { cwd: folder });
};

async function inChromium(suite) {
  const options = await findChromium();
  if (!options) return { code: -1, output: 'no Chromium found' };
  const { chromium } = await import('playwright');
  const file = await bundle('browser.mjs', `import { runAll } from '${suite}'; globalThis.runAll = runAll;`);
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

const late = (ms) =>
  new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`no end within ${ms / 1_000} s`)), ms).unref();
  });

/** Firefox or WebKit; on a page of a server, for what only a secure context has. */
const inEngine = (launch) => async (suite) => {
  const file = await bundle(
    `${launch.name}.mjs`,
    `import { runAll } from '${suite}'; globalThis.runAll = runAll;`,
    forPages,
  );
  const script = await readFile(file);
  const server = createServer((request, response) => {
    const isScript = request.url === '/suite.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script : '<script type="module" src="/suite.js"></script>');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const engine = await launch();
  try {
    await engine.tab.goto(`http://127.0.0.1:${server.address().port}/`);
    const { failed, report } = await Promise.race([engine.tab.evaluate('runAll()'), late(240_000)]);
    return { code: failed, output: report };
  } catch (error) {
    return { code: -1, output: String(error) };
  } finally {
    await engine.close();
    server.close();
  }
};

const runtimes = {
  ...(programs !== undefined && {
    // The oldest that the packages promise.
    node22: { run: inProgram('node22', ['--no-warnings']), transports: 'node', sqlite },
    node24: { run: inProgram('node24') }, // the transports are in `npm test`
    node26: { run: inProgram('node26'), transports: 'node', sqlite },
    bun: { run: inProgram('bun'), transports: 'bun' },
    deno: { run: inProgram('deno', ['run', '-A', '--no-check', '--quiet']), transports: 'deno' },
    workerd: { run: inWorkerd, transports: 'workerd', objects: durableObject },
  }),
  chromium: { run: inChromium },
  ...(findFirefox() && { firefox: { run: inEngine(launchFirefox), pages } }),
  ...(findWebKit() && { webkit: { run: inEngine(launchWebKit), pages } }),
};

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(runtimes);
const total = { passed: 0, failed: 0, skipped: 0 };
const tell = (name, what, { code, output }, started) => {
  const summary = /(\d+) passed, (\d+) failed, (\d+) skipped/.exec(output);
  const seconds = `${((Date.now() - started) / 1000).toFixed(1)} s`;
  if (summary === null || (code !== 0 && summary[2] === '0')) {
    total.failed += 1;
    console.log(
      `${name.padEnd(9)} ${what}: did not run to its end\n${output.trim().split('\n').slice(-15).join('\n')}`,
    );
    return;
  }
  const [, passed, failed, skipped] = summary.map(Number);
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
  console.log(`${name.padEnd(9)} ${what}: ${summary[0]}, ${seconds}${failed === 0 ? '' : `\n${output}`}`);
};

const runAll = async (name) => {
  const { run, pages: inPages, transports: suite, sqlite: database, objects } = runtimes[name] ?? {};
  if (run === undefined) {
    console.warn(`SKIPPED: ${name}`);
    total.skipped += 1;
    return;
  }
  const each = async (what, task) => {
    const started = Date.now();
    tell(name, what, await task(), started);
  };
  await each('streams', () => run(streams));
  if (inPages !== undefined) await each('pages', () => run(inPages));
  if (suite === undefined) return;
  await each('transports', () => run(transports(suite)));
  if (database !== undefined) await each('SQLite', () => run(database));
  if (objects !== undefined) {
    await each('a Durable Object', () => inDurableObject(objects));
    await each("the guide's Worker", () => askGuide({ program: programs[name], folder, bundle }));
  }
  await each('a chat server', () => askServer({ name, program: programs[name], folder, bundle }));
};

// Two at a time: half of the time goes by in waiting.
const queue = [...wanted];
const drain = async () => {
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) await runAll(name);
};
await Promise.all([drain(), drain()]);
await rm(folder, { recursive: true, force: true });
console.log(`\n   Tests  ${total.passed} passed | ${total.failed} failed | ${total.skipped} skipped`);
process.exit(total.failed > 0 ? 1 : 0);
