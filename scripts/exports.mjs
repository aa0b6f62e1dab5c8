// What a module exports, read from its text: a source (`index.ts`) or a declaration file (`index.d.ts`).
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const declarations =
  /^export (?:declare )?(?:abstract )?(?:async )?(function\*?|const|class|interface|type|let|namespace) ([A-Za-z0-9_$]+)/gm;

/** Each exported name, with the file that declares it, its name there, and whether it is nothing but a type. */
export function exportsOf(entry) {
  const found = new Map();
  const text = readFileSync(entry, 'utf8');
  for (const [, all, list, from] of text.matchAll(/^export (type )?\{([^}]*)\} from ['"](\.[^'"]+)['"];/gm)) {
    for (const part of list.split(',').map((each) => each.trim())) {
      const [local, exported = local] = part.replace(/^type /, '').split(/\s+as\s+/);
      if (local === '') continue;
      const declared = follow(fileOf(entry, from), local);
      found.set(exported, { ...declared, isType: declared.isType || all !== undefined || part.startsWith('type ') });
    }
  }
  for (const [, from] of text.matchAll(/^export \* from ['"](\.[^'"]+)['"];/gm)) {
    for (const [name, at] of exportsOf(fileOf(entry, from))) found.set(name, at);
  }
  for (const [, kind, name] of text.matchAll(declarations))
    found.set(name, { file: entry, name, isType: kind === 'type' || kind === 'interface' });
  return found;
}

/** Goes on while a file only passes the name on. */
function follow(file, name) {
  return exportsOf(file).get(name) ?? { file, name, isType: false };
}

function fileOf(entry, from) {
  const path = join(dirname(entry), from);
  return entry.endsWith('.d.ts') ? path.replace(/\.(ts|js)$/, '.d.ts') : path;
}
