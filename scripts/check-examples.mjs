// Type-checks the examples against the sources: every ```ts and ```tsx block of the READMEs and guides, and every
// `@example` of a docstring. Imports stay at the top, the rest becomes the body of an async generator, so that
// fragments with `await`, `yield` and `return` are legal.
//
// A fragment does not repeat its imports, so the names that we export are imported for it. A name that it does not
// declare either is the reader's own (`model`, `user`, `thread`) and is not an error; everything else is. So that a
// wrong name of ours does not pass as the reader's, what is called, created, extended or rendered stands in
// `readersOwn` if it is not ours.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exportsOf } from './exports.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(root, '.examples');

/** What an example may use although it is not ours and no type is known for it. */
const readersOwn = [
  // Functions and components of the reader's.
  ...['answer', 'append', 'apply', 'askModel', 'Chat', 'createMyLease', 'createMyLog', 'createMyStore', 'generate'],
  ...['handle', 'handleChat', 'makeTitle', 'model', 'openEvents', 'problem', 'render', 'search', 'send', 'toInput'],
  ...['token', 'userOf', 'writeFrame'],
  // Of libraries.
  ...[
    'addToolOutput',
    'createClient',
    'createRoot',
    'createServer',
    'crossws',
    'DurableObject',
    'getRequestListener',
    'readFile',
    'runAgent',
    'streamText',
  ],
  ...['WebSocketServer'],
  // Variables, whose names mean something else in a browser.
  ...['event', 'frames', 'name'],
];

/** What a fragment leaves to its reader: a name, a shorthand value, the type of a parameter, a file of theirs. */
const isReadersOwn =
  /error TS(2304|2552|2503|18004|7006|7031|7005|7034|18046|2698|2683|2834|2835)\b|Cannot find module '\.\.?\//;

const markdown = [
  'README.md',
  ...['packages', 'apps', 'docs/guides', 'docs/reference']
    .flatMap((dir) => list(dir))
    .filter((file) => file.endsWith('.md') && !file.endsWith('API.md')),
];
const packages = readdirSync(join(root, 'packages')).map((name) => readPackage(join('packages', name)));

rmSync(out, { recursive: true, force: true });
mkdirSync(out);
/** By the name of the file that is checked: where its text comes from. */
const examples = new Map();
for (const file of markdown) {
  for (const { code, language, line } of blocksOf(readFileSync(join(root, file), 'utf8'))) {
    add({ file, line, language, code, head: headFor(file, code) });
  }
}
const blocks = examples.size;
for (const file of packages.flatMap(({ dir }) => list(join(dir, 'src'))).filter((each) => /\.tsx?$/.test(each))) {
  for (const { code, line } of docstringExamplesOf(readFileSync(join(root, file), 'utf8'))) {
    add({ file, line, language: /<\/|\/>/.test(code) ? 'tsx' : 'ts', code, head: headFor(file, code) });
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

const problems = typeErrors().filter((error) => !isReadersOwn.test(error.text) || isUnknownCall(error));
rmSync(out, { recursive: true, force: true });
for (const { text, row, example } of problems)
  console.error(example === undefined ? text : `${example.file}(${example.line + row - 1}): ${text}`);
if (problems.some(isUnknownCall)) console.error("What is the reader's belongs in `readersOwn` of this check.");
if (problems.length > 0) process.exit(1);
console.log(
  `examples: ${blocks} blocks in ${markdown.length} files and ${examples.size - blocks} of docstrings type-check`,
);

function add(example) {
  const name = `${example.file.replaceAll(/[^A-Za-z0-9]+/g, '-')}-${example.line}.${example.language}`;
  examples.set(name, example);
  writeFileSync(join(out, name), asModule(example));
}

/** The code with its imports at the top and the rest in a function; every line keeps its number. */
function asModule({ code, head }) {
  const top = [...head];
  const body = [];
  let inImport = false;
  for (const line of code.split('\n')) {
    if (inImport || /^import\b/.test(line)) {
      top.push(line);
      inImport = !/from\s+['"][^'"]+['"];?\s*(\/\/.*)?$|^import\s+['"]/.test(line);
      body.push('');
    } else body.push(line.replace(/^export default /, 'const exported = ').replace(/^export /, ''));
  }
  return `${top.join(' ')} export async function* example(): AsyncGenerator<unknown, any, any> { ${body.join('\n')}\n}\n`;
}

/**
 * Declares the words that an example does not import: what its file or its package exports, then what is the
 * reader's, then what our other packages export. Of those, functions only where they are called: elsewhere `run` and
 * `card` are variables.
 */
function headFor(file, code) {
  const imported = (code.match(/^import\b[^']*/gm) ?? []).join().match(/[\w$]+/g) ?? [];
  const words = new Set(code.match(/[A-Za-z_$][\w$]*/g));
  const called = new Set(code.match(/[A-Za-z_$][\w$]*(?=[(<])|\b[A-Z][\w$]*/g));
  const head = new Map(imported.map((name) => [name, '']));
  const use = (wanted, { specifier, names }) => {
    for (const [name, { isType }] of names)
      if (wanted.has(name) && !head.has(name))
        head.set(name, `import { ${isType ? 'type ' : ''}${name} } from '${specifier}';`);
  };
  use(words, { specifier: `../${file}`, names: exportsOf(join(root, file)) });
  for (const { dir, entries } of packages)
    if (file.startsWith(`${dir}/`)) for (const entry of entries) use(words, entry);
  for (const name of readersOwn) if (words.has(name) && !head.has(name)) head.set(name, `declare const ${name}: any;`);
  for (const { entries } of packages) for (const entry of entries) use(called, entry);
  return [...head.values()];
}

function readPackage(dir) {
  const manifest = JSON.parse(readFileSync(join(root, dir, 'package.json'), 'utf8'));
  const entries = Object.entries(manifest.exports)
    .filter(([, target]) => typeof target !== 'string')
    .map(([subpath, target]) => ({
      specifier: manifest.name + subpath.slice(1),
      names: exportsOf(join(root, dir, target['@chatkit/source'])),
    }));
  return { dir, entries };
}

function blocksOf(text) {
  return [...text.matchAll(/^```(tsx?)\n([\s\S]*?)^```$/gm)].map((match) => ({
    code: match[2],
    language: match[1],
    line: lineAt(text, match.index) + 1,
  }));
}

function docstringExamplesOf(text) {
  return [...text.matchAll(/^ *\* @example\n((?: *\*(?!\/)(?! @).*\n)*)/gm)].map((match) => ({
    code: match[1].replace(/^ *\* ?/gm, ''),
    line: lineAt(text, match.index) + 1,
  }));
}

function lineAt(text, index) {
  return text.slice(0, index).split('\n').length;
}

function typeErrors() {
  const { stdout, status } = spawnTsc();
  const errors = stdout.split('\n').filter((line) => /error TS/.test(line));
  if (status !== 0 && errors.length === 0) throw new Error(`tsc failed: ${stdout}`);
  return errors.map((line) => {
    const [, path, row, column, text] = /^(.+?)\((\d+),(\d+)\): (.*)$/.exec(line) ?? [];
    const example = path === undefined ? undefined : examples.get(basename(path));
    return example === undefined ? { text: line } : { text, row: Number(row), column: Number(column), example };
  });
}

function spawnTsc() {
  try {
    const tsc = join(root, 'node_modules/.bin/tsc');
    return { stdout: execFileSync(tsc, ['-p', out], { cwd: root, encoding: 'utf8' }), status: 0 };
  } catch (error) {
    return { stdout: `${error.stdout ?? ''}${error.stderr ?? ''}` || String(error), status: 1 };
  }
}

/** Whether the error is an unknown name that an example calls, creates, extends or renders. */
function isUnknownCall({ text, row, column, example }) {
  const name = /Cannot find name '([^']+)'/.exec(text)?.[1];
  if (name === undefined || example === undefined) return false;
  const line = asModule(example).split('\n')[row - 1];
  const [before, after] = [line.slice(0, column - 1), line.slice(column - 1 + name.length)];
  return !after.startsWith('.') && (/^(<[^>()]*>)?\(/.test(after) || /(\bnew|\bextends|[\s(]<)\s*$/.test(before));
}

function list(dir) {
  return readdirSync(join(root, dir), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}
