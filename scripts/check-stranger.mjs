// What a stranger who installs a package from npm would hit, checked on the built packages:
// - its types need neither the DOM nor the source condition: every entry, strict, `skipLibCheck` off, with `@types/node` alone; and
//   those for pages not even that, but the DOM;
// - it carries the licence that it is under;
// - what its README imports is what its README says to install.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const read = (...path) => readFileSync(join(root, ...path), 'utf8');
const problems = [];
const packages = readdirSync(join(root, 'packages')).map((folder) => ({
  folder,
  manifest: JSON.parse(read('packages', folder, 'package.json')),
  readme: read('packages', folder, 'README.md'),
}));

for (const { folder, readme } of packages) {
  let licence;
  try {
    licence = read('packages', folder, 'LICENSE');
  } catch {}
  if (licence !== read('LICENSE')) problems.push(`packages/${folder}: LICENSE is not that of the repository`);
  problems.push(...missingInstalls(`packages/${folder}/README.md`, readme));
}
problems.push(...missingInstalls('README.md', read('README.md')));
problems.push(...typeProblems(packages, { lib: ['ES2022'], types: ['node'] }));
const forPages = packages.filter(({ folder }) => ['core', 'stream', 'client', 'react'].includes(folder));
problems.push(...typeProblems(forPages, { lib: ['ES2022', 'DOM', 'DOM.Iterable'], types: [] }));

for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log(`stranger: ${packages.length} packages are complete`);

/** Packages that the blocks of a page import and no `npm install` of that page names. */
function missingInstalls(page, text) {
  const installed = new Set(
    [...text.matchAll(/(?:^|`)npm install ([^`\n]*)/gm)].flatMap(([, names]) => names.replace(/#.*/, '').split(/\s+/)),
  );
  const imported = new Set();
  for (const [, code] of text.matchAll(/^```[jt]sx?\n([\s\S]*?)^```$/gm)) {
    for (const [, name] of code.matchAll(/^import [^;]*?from '([^'.][^']*)'/gm)) {
      if (!name.startsWith('node:')) imported.add(name.split('/', name.startsWith('@') ? 2 : 1).join('/'));
    }
  }
  return [...imported]
    .filter((name) => !installed.has(name))
    .map((name) => `${page}: imports ${name}, which it does not say to install`);
}

/** Errors in our own declarations; those of peers (the AI SDK has some under these options) are theirs. */
function typeProblems(chosen, { lib, types }) {
  const out = join(root, '.examples-stranger');
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out);
  const entries = chosen.flatMap(({ manifest }) =>
    Object.keys(manifest.exports)
      .filter((entry) => entry !== './package.json' && (types.includes('node') || entry !== './node'))
      .map((entry) => manifest.name + entry.slice(1)),
  );
  writeFileSync(join(out, 'all.ts'), entries.map((name, nth) => `export * as entry${nth} from '${name}';\n`).join(''));
  const compilerOptions = {
    target: 'ES2022',
    lib,
    module: 'NodeNext',
    types,
    noEmit: true,
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
  };
  writeFileSync(join(out, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  try {
    execFileSync('tsc', ['-p', out], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    return [];
  } catch (error) {
    return `${error.stdout ?? ''}${error.stderr ?? ''}`
      .split('\n')
      .filter((line) => /^(packages|\.examples-stranger)\/.*error TS|^error/.test(line));
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}
