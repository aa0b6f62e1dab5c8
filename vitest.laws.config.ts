/** The tests that state laws, with many more tries of each: `npm run laws`, for an hour that is free. */
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { conditions, maxWorkers, ssr } from './vitest.config.ts';

const seconds = Number(process.env['LAW_SECONDS'] ?? 10);
const counted = fileURLToPath(new URL('test/laws/fast-check.ts', import.meta.url));
const tests = globSync('{packages,apps,conformance,test}/**/*.test.ts', {
  exclude: ['**/node_modules/**', '**/dist/**'],
});

export default defineConfig({
  resolve: { conditions },
  ssr,
  plugins: [
    {
      name: 'laws-for-a-time',
      enforce: 'pre',
      resolveId: (id, importer) => (id === 'fast-check' && importer !== counted ? counted : undefined),
    },
  ],
  test: {
    maxWorkers,
    include: tests.filter(
      (path) => !/\.(browser|e2e)\./.test(path) && readFileSync(path, 'utf8').includes('fast-check'),
    ),
    // Some tests state several laws.
    testTimeout: (10 * seconds + 60) * 1000,
  },
});
