import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { peersDir } from '../../transport/src/peer.mjs';

export const question = 'The client for a browser, minified and gzipped';
export const needs = ['bundle'];
export async function run(toolkit) {
  const { outputFiles } = await build({
    stdin: {
      contents: toolkit.bundle,
      resolveDir: toolkit.bundle.includes('@chatkit/') ? import.meta.dirname : peersDir,
    },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'silent',
  });
  const kB = gzipSync(outputFiles[0].contents, { level: 9 }).length / 1000;
  return { seen: `${kB.toFixed(1)} kB` };
}
