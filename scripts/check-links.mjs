// Every relative link and image of the repository's Markdown points to a file that is there.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const files = execFileSync('git', ['ls-files', '*.md', '**/*.md'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter(Boolean);

let links = 0;
const broken = [];
for (const file of files) {
  const text = readFileSync(join(root, file), 'utf8').replace(/^```[\s\S]*?^```/gm, '');
  for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:|^#/.test(target)) continue;
    links += 1;
    if (!existsSync(join(root, dirname(file), target.replace(/#.*$/, '')))) broken.push(`${file}: ${target}`);
  }
}
for (const link of broken) console.error(`broken link in ${link}`);
if (broken.length > 0) process.exit(1);
console.log(`links: ${links} in ${files.length} files`);
