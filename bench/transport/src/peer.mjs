// The peers live outside the repository (see README): a folder with their node_modules and one file that imports from there.
import { existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export const peersDir = join(tmpdir(), 'chatkit-bench-peers');
export const hasPeers = existsSync(join(peersDir, 'node_modules'));
let load;
/** `import(name)` as seen from the folder of the peers. */
export async function peer(name) {
  if (load === undefined) {
    const file = join(peersDir, 'load.mjs');
    if (!existsSync(file)) writeFileSync(file, 'export default (name) => import(name)\n');
    load = (await import(pathToFileURL(file).href)).default;
  }
  return load(name);
}
