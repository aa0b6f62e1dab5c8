/**
 * The names that a package's build gives to properties which only its own code knows. A minifier cannot shorten a
 * property, and a shortener by itself gives every name a letter of its own and soon needs two. Here names that never
 * meet in a file share a letter: an object is made in one file, so all of its names stand there, and none of them are
 * the same. Fewer names in other places also make what is left repeat itself, which is what gzip lives on.
 *
 * The names are worked out from the sources at each build, not kept in a list, so that a new one cannot be forgotten and
 * meet another that has its letter.
 */

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** In the order in which minifiers name variables, because a letter that is in the text already costs less. */
const LETTERS = [...'etnriaoscludfpmhgvybxwkjqzABCDEFGHIJKLMNOPQRSTUVWXYZ'];

/** A letter for every word in the sources under `folder` that is `internal`; the most frequent words choose first. */
export function shortNames(folder: string, internal: RegExp): Record<string, string> {
  const counts = new Map<string, number>();
  const files: Set<string>[] = [];
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted()) {
    if (!file.endsWith('.ts')) continue;
    const code = readFileSync(path.join(folder, file), 'utf8').replace(/^ *(\/?\*|\/\/).*$/gm, ''); // no lines of comments
    const words = code.match(/[\w$]+/g) ?? [];
    const names = words.filter((word) => internal.test(word));
    for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
    files.push(new Set(names));
  }

  const short: Record<string, string> = {};
  const byUse = [...counts].toSorted(([a, left], [b, right]) => right - left || (a < b ? -1 : 1));
  for (const [name] of byUse) {
    const met = files.filter((names) => names.has(name)).flatMap((names) => [...names]);
    const taken = new Set(met.map((other) => short[other]));
    const letter = LETTERS.find((each) => !taken.has(each));
    if (letter === undefined) throw new Error(`No letter is left for ${name}: its files have too many names`);
    short[name] = letter;
  }
  return short;
}
