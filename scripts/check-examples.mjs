// Type-checks every ```ts and ```tsx block of the READMEs and guides against the sources. Imports stay at the top, the rest of a
// block becomes the body of an async generator, so that fragments with `await`, `yield` and `return` are legal. A name that a
// fragment does not declare is the reader's own (`model`, `user`, `thread`) and is not an error; everything else is.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(root, '.examples');

const markdown = [
  'README.md',
  ...['packages', 'apps', 'docs/guides', 'docs/reference']
    .flatMap((dir) => list(join(root, dir)))
    .filter((file) => file.endsWith('.md') && !file.endsWith('API.md')),
];

/** What a fragment leaves to its reader: a name, a shorthand value, the type of a parameter, a file of theirs. */
const readersOwn =
  /error TS(2304|2552|2503|18004|7006|7031|7005|7034|18046|2683|2834|2835)\b|Cannot find module '\.\.?\//;

rmSync(out, { recursive: true, force: true });
mkdirSync(out);
const origin = new Map();
for (const file of markdown) {
  const text = readFileSync(join(root, file), 'utf8');
  for (const match of text.matchAll(/^```(tsx?)\n([\s\S]*?)^```$/gm)) {
    const line = text.slice(0, match.index).split('\n').length + 1;
    const name = `${file.replaceAll(/[^A-Za-z0-9]+/g, '-')}-${line}.${match[1]}`;
    const { source, shift } = wrap(match[2]);
    origin.set(name, { file, line: line + shift });
    writeFileSync(join(out, name), source);
  }
}
writeFileSync(
  join(out, 'tsconfig.json'),
  JSON.stringify({
    extends: '../tsconfig.base.json',
    compilerOptions: {
      noEmit: true,
      noUnusedLocals: false,
      allowImportingTsExtensions: true,
      types: ['node', 'react'],
    },
    include: ['*.ts', '*.tsx'],
  }),
);

let report = '';
try {
  execFileSync('tsc', ['-p', out], { cwd: root, encoding: 'utf8' });
} catch (error) {
  report = `${error.stdout ?? ''}${error.stderr ?? ''}`;
}
const problems = report
  .split('\n')
  .filter((line) => /error TS/.test(line) && !readersOwn.test(line))
  .map((line) =>
    line.replace(/^.*?([^/\\(]+)\((\d+),/, (_all, name, row) => {
      const from = origin.get(name);
      return from === undefined ? `${name}(${row},` : `${from.file}(${from.line + Number(row) - 1},`;
    }),
  );
rmSync(out, { recursive: true, force: true });
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log(`examples: ${origin.size} blocks in ${markdown.length} files type-check`);

function list(dir) {
  try {
    return readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)));
  } catch {
    return [];
  }
}

/** Imports at the top, the rest in a function. `shift` says how many lines the body moved, so that errors point home. */
function wrap(code) {
  const lines = code.split('\n');
  const imports = [];
  const body = [];
  let inImport = false;
  for (const line of lines) {
    if (inImport || /^import\b/.test(line)) {
      imports.push(line);
      inImport = !/from\s+['"][^'"]+['"];?\s*(\/\/.*)?$|^import\s+['"]/.test(line);
      body.push('');
    } else body.push(line.replace(/^export default /, 'const exported = ').replace(/^export /, ''));
  }
  const top = `${imports.join(' ')} export async function* example(): AsyncGenerator<unknown, any, any> {`;
  return { source: `${top} ${body.join('\n')}\n}\n`, shift: 0 };
}
