/**
 * What each export costs an application: bundled alone with esbuild, minified, gzipped. Writes
 * docs/benchmarks/stream-size.md. Build first. Usage: node bench/stream/size.mjs
 */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const root = path.resolve(import.meta.dirname, '../..');
const built = path.join(root, 'packages/stream/dist');
const index = await readFile(path.join(root, 'packages/stream/src/index.ts'), 'utf8');
const exports = [...index.matchAll(/\{([^}]*)\}/gs)]
  .flatMap(([, list]) => list.split(','))
  .map((name) => name.trim())
  .filter((name) => /^[a-z]/.test(name) && !name.startsWith('type ') && name !== 'systemClock')
  .toSorted();

async function sizeOf(contents) {
  const result = await build({
    stdin: { contents, resolveDir: built },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2023',
  });
  const code = result.outputFiles[0].contents;
  return { minified: code.length, gzip: gzipSync(code, { level: 9 }).length };
}

const kB = (bytes) => (bytes / 1000).toFixed(2);
const row = (label, { minified, gzip }) => `| ${label} | ${kB(minified)} | ${kB(gzip)} |`;
const pick = (...names) => sizeOf(`export { ${names.join(', ')} } from './index.js';`);
const rows = [
  row('everything', await sizeOf("export * from './index.js';")),
  row('`pipe` + `map` + `batch`', await pick('pipe', 'map', 'batch')),
  row('`pipe` + `map`, the engine', await pick('pipe', 'map')),
];
for (const name of exports) rows.push(row(`\`${name}\``, await pick(name)));

const markdown = `# Size of the stream operators

Each export bundled alone (esbuild, minified, gzip level 9), in kB. They share the engine, so they do not add up: the
second operator costs what it has beyond the row "\`pipe\` + \`map\`". The limits that \`npm run check:size\` holds are measured with another
bundler (rolldown), which comes to about a twentieth less. Written by \`node bench/stream/size.mjs\`.

| import | minified | gzip |
|---|---|---|
${rows.join('\n')}
`;
await mkdir(path.join(root, 'docs/benchmarks'), { recursive: true });
await writeFile(path.join(root, 'docs/benchmarks/stream-size.md'), markdown);
console.log(markdown);
