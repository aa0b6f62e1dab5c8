// Every relative link and image of the repository's Markdown points to a file that is there, and every `#anchor`, in the
// same page or another one, to a heading or an id of that page.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { anchorsOf, withoutCodeBlocks } from './markdown-anchors.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const files = execFileSync('git', ['ls-files', '*.md', '**/*.md'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter(Boolean);

let links = 0;
let anchors = 0;
const broken = [];
const anchorsByFile = new Map();
for (const file of files) {
  const text = withoutCodeBlocks(readFileSync(join(root, file), 'utf8'));
  for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    links += 1;
    const [path, anchor] = target.split('#');
    const destination = path === '' ? join(root, file) : join(root, dirname(file), path);
    if (!existsSync(destination)) broken.push(`${file}: ${target}`);
    // Of other files GitHub shows the source, where an anchor is a line.
    else if (anchor !== undefined && destination.endsWith('.md')) {
      anchors += 1;
      if (!anchorsIn(destination).has(anchor)) broken.push(`${file}: ${target} (no such heading)`);
    }
  }
}
for (const link of broken) console.error(`broken link in ${link}`);
if (broken.length > 0) process.exit(1);
console.log(`links: ${links} in ${files.length} files, ${anchors} of them to an anchor`);

function anchorsIn(path) {
  const known = anchorsByFile.get(path) ?? anchorsOf(readFileSync(path, 'utf8'));
  anchorsByFile.set(path, known);
  return known;
}
