// Writes packages/*/API.md: every export with its docstring and its declaration, from the built `.d.ts` files.
// `--check` writes nothing and fails when a page is out of date or an export has no docstring.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exportsOf } from './exports.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const check = process.argv.includes('--check');
/** A longer value (an inferred schema, mostly) is left to the editor; a type that somebody wrote down is shown whole. */
const maxLines = 40;

const problems = [];
for (const name of readdirSync(join(root, 'packages')).sort()) {
  const dir = join(root, 'packages', name);
  const manifest = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
  const page = [
    `# API of ${manifest.name}`,
    '',
    'Written by `npm run docs:api`; the [README](README.md) says how it fits together.',
    '',
  ];
  for (const [subpath, target] of Object.entries(manifest.exports)) {
    if (typeof target === 'string') continue;
    const specifier = manifest.name + subpath.slice(1);
    page.push(`## \`${specifier}\``, '');
    const names = exportsOf(join(dir, target.types));
    for (const [exported, file] of [...names].sort(([a], [b]) => a.localeCompare(b, 'en'))) {
      const { doc, code } = declaration(file, exported);
      // A type, a schema and a bag of options say what they are by their names and fields; everything else has to.
      if (doc === '' && !/^type /.test(code) && !/(Schema|Options)$/.test(exported))
        problems.push(`${specifier}: ${exported} has no docstring`);
      page.push(`### ${exported}`, '', ...(doc === '' ? [] : [doc, '']), '```ts', code, '```', '');
    }
  }
  save(join(dir, 'API.md'), page.join('\n'));
}

for (const problem of problems) console.error(`api: ${problem}`);
if (problems.length > 0) process.exit(1);

function save(file, text) {
  if (!check) writeFileSync(file, text);
  else if (!existsSync(file) || readFileSync(file, 'utf8') !== text)
    problems.push(`${file.slice(root.length + 1)} is out of date: npm run docs:api`);
}

/** The docstring in Markdown, and the declaration without `export declare`. */
function declaration({ file, name }) {
  const text = readFileSync(file, 'utf8');
  const escaped = name.replaceAll('$', '\\$');
  const at = new RegExp(
    `^export (?:declare )?(?:abstract )?(?:async )?(?:function\\*?|const|class|interface|type|let|namespace) ${escaped}\\b`,
    'm',
  ).exec(text);
  if (at === null) return { doc: 'Passed on from another package.', code: name };
  const before = text.slice(0, at.index);
  const comment = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*$/.exec(before)?.[1] ?? '';
  const lines = text.slice(at.index).split('\n');
  const all = lines.slice(0, lengthOf(lines));
  // The overloads without a docstring of their own follow at once.
  const isOverload = new RegExp(`^export (?:declare )?function ${escaped}\\b`);
  while (isOverload.test(all[0]) && isOverload.test(lines[all.length] ?? ''))
    all.push(...lines.slice(all.length, all.length + lengthOf(lines.slice(all.length))));
  const isValue = /^export (?:declare )?const\b/.test(all[0]);
  const code = isValue && all.length > maxLines ? `${all[0]} …` : all.join('\n');
  return { doc: toMarkdown(comment), code: code.replace(/^export (declare )?/gm, '').trim() };
}

/** Of how many lines the declaration is with which `lines` begin. */
function lengthOf(lines) {
  const end = lines.findIndex((line, row) =>
    row === 0
      ? /;\s*$|\{\s*\}$/.test(line)
      : /^[}\])]|^ *\}?\)?[^ ].*;$/.test(line) && depth(lines.slice(0, row + 1)) === 0,
  );
  return end + 1;
}

function depth(lines) {
  let open = 0;
  for (const char of lines.join('\n').replace(/\/\*[\s\S]*?\*\//g, '')) {
    if ('{(['.includes(char)) open += 1;
    else if ('})]'.includes(char)) open -= 1;
  }
  return open;
}

function toMarkdown(comment) {
  const text = comment
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, ''))
    .join('\n')
    .trim();
  const [prose, ...examples] = text.split(/^@example\n?/m);
  const parts = [prose.trim(), ...examples.map((each) => `\`\`\`ts\n${each.trimEnd()}\n\`\`\``)];
  return parts
    .filter((each) => each !== '')
    .join('\n\n')
    .replaceAll(/\{@link ([^}]+)\}/g, '`$1`');
}
