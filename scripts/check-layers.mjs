// The layer check of CI. It fails on
// - an import of a package that is not strictly below (the table is docs/architecture.md's, in one place: here);
// - an import of a package that package.json does not declare, types included;
// - zod, types included, outside `core/src/schema`: a browser client neither ships it nor makes its compiler read it;
// - a cycle of value imports between files (a cycle of types alone is harmless and allowed);
// - a `node:` module outside an entry that is for Node (`exports` of the package name those by their first folder).
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** What each package may import of its own scope. */
const below = {
  core: [],
  stream: [],
  transport: ['stream'],
  store: ['core', 'stream'],
  agents: ['core', 'stream'],
  interop: ['core', 'stream', 'transport'],
  // The server's default log is the memory log: docs/decisions has the reason for this one sideways edge.
  server: ['core', 'stream', 'transport', 'store'],
  client: ['core', 'stream', 'transport'],
  react: ['core', 'client'],
  testing: ['core', 'stream'],
  doctor: ['core', 'stream', 'transport'],
};
/** Folders whose files may use Node's modules: each is an entry of its own. */
const forNode = new Set(['node', 'sqlite', 'postgres', 'redis']);

const problems = [];
const posix = (path) => path.split(sep).join('/');
const sources = (dir) =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !/\.test\.|\.d\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));

const importPattern =
  /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm;
const withoutComments = (text) => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');

let files = 0;
for (const name of readdirSync(join(root, 'packages'))) {
  const dir = join(root, 'packages', name);
  const manifest = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
  const allowed = below[name];
  if (allowed === undefined) {
    problems.push(`packages/${name}: not in the layer table`);
    continue;
  }
  const declared = new Set(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }));
  const entries = sources(join(dir, 'src'));
  files += entries.length;
  for (const file of entries) {
    const where = posix(relative(root, file));
    const mayUseZod = name !== 'core' || file.startsWith(join(dir, 'src', 'schema') + sep);
    for (const match of withoutComments(readFileSync(file, 'utf8')).matchAll(importPattern)) {
      const specifier = match[1] ?? match[2] ?? match[3];
      if (specifier.startsWith('.')) {
        if (!join(dirname(file), specifier).startsWith(join(dir, 'src') + sep))
          problems.push(`${where}: "${specifier}" leaves the package`);
        if (!mayUseZod && specifier.includes('/schema/')) problems.push(`${where}: "${specifier}" brings zod along`);
        continue;
      }
      if (specifier.startsWith('node:') || builtinModules.includes(specifier)) {
        const folder = posix(relative(join(dir, 'src'), file))
          .split('/')[0]
          .replace(/\.ts$/, '');
        if (!forNode.has(folder)) problems.push(`${where}: "${specifier}" outside a Node entry`);
        continue;
      }
      const packageName = specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/');
      if (!mayUseZod && packageName === 'zod') problems.push(`${where}: zod outside of src/schema`);
      if (!declared.has(packageName)) problems.push(`${where}: "${packageName}" is not declared in package.json`);
      if (packageName.startsWith('@chatkit/') && !allowed.includes(packageName.slice('@chatkit/'.length)))
        problems.push(`${where}: ${name} may not import ${packageName}`);
    }
  }
  for (const cycle of await valueCycles(entries)) problems.push(`value-import cycle: ${cycle.join(' → ')}`);
}

if (problems.length > 0) {
  for (const problem of problems) console.error(`layers: ${problem}`);
  process.exit(1);
}
console.log(`layers: ${files} files, no upward import, no undeclared dependency, no value-import cycle`);

/** Cycles in the graph that is left once types are erased; esbuild is the parser. */
async function valueCycles(entryPoints) {
  const { metafile } = await build({
    entryPoints,
    absWorkingDir: root,
    bundle: true,
    write: false,
    metafile: true,
    packages: 'external',
    format: 'esm',
    outdir: 'out',
    logLevel: 'silent',
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  });
  const edges = new Map(
    Object.entries(metafile.inputs).map(([file, input]) => [
      file,
      input.imports.filter((each) => !each.external).map((each) => each.path),
    ]),
  );
  const cycles = [];
  const state = new Map();
  const visit = (file, path) => {
    if (state.get(file) === 'done') return;
    if (state.get(file) === 'open') {
      cycles.push([...path.slice(path.indexOf(file)), file]);
      return;
    }
    state.set(file, 'open');
    for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
    state.set(file, 'done');
  };
  for (const file of edges.keys()) visit(file, []);
  return cycles;
}
