import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig, type Plugin } from 'vitest/config';
import { findChromium } from './scripts/chromium.mjs';

const chromium = await findChromium();
if (!chromium) {
  console.warn('SKIPPED: no Chromium found, the browser and e2e tests are left out (set CHROMIUM=/path/to/chromium).');
}

// Unit tests run over the sources; the e2e tests and the demo run over `dist`, as a user's machine would.
export const conditions = ['@chatkit/source', 'module', 'node', 'development'];
const resolve = { conditions };
export const ssr = { resolve: { conditions, externalConditions: ['@chatkit/source'] } };

// Much of a test here is waiting: for a timer, a socket, a browser. So even two cores have work for three files at a time.
export const maxWorkers = Math.max(3, availableParallelism() - 1);

// For what hangs. What is slow, on a machine that has other work, is not a failure: with a tenth of a core the demo needs
// twenty seconds to start, and some tests start it twice.
const testTimeout = 60_000;
const hookTimeout = testTimeout;
const expect = { poll: { timeout: 30_000 } };
const e2eTimeout = 180_000;

const seeded = fileURLToPath(new URL('test/laws/seeded-fast-check.ts', import.meta.url));

/** Gives tests, in place of fast-check, one that says how to try a law again that has hung. */
const seeds: Plugin = {
  name: 'laws-with-a-seed',
  enforce: 'pre',
  resolveId: (id, importer) => (id === 'fast-check' && importer !== seeded ? seeded : undefined),
};

export default defineConfig({
  test: {
    maxWorkers,
    coverage: { provider: 'v8', include: ['packages/*/src/**'], reporter: ['text-summary', 'json-summary'] },
    projects: [
      {
        plugins: [seeds],
        resolve,
        ssr,
        test: {
          name: 'node',
          environment: 'node',
          testTimeout,
          hookTimeout,
          expect,
          include: [
            'packages/*/test/**/*.test.ts',
            'apps/*/test/**/*.test.ts',
            'conformance/test/**/*.test.ts',
            'test/**/*.test.ts',
          ],
          exclude: ['**/*.browser.test.*', '**/*.e2e.test.ts', '**/node_modules/**'],
          typecheck: {
            enabled: true,
            checker: 'tsc',
            include: ['packages/*/test/**/*.test-d.{ts,tsx}'],
            tsconfig: './tsconfig.test-d.json',
          },
        },
      },
      ...(chromium
        ? [
            {
              plugins: [react()],
              resolve: { conditions: ['@chatkit/source', 'module', 'browser', 'development'] },
              test: {
                name: 'browser',
                testTimeout,
                hookTimeout,
                expect,
                include: ['packages/*/test/**/*.browser.test.{ts,tsx}', 'apps/*/test/**/*.browser.test.{ts,tsx}'],
                browser: {
                  enabled: true,
                  headless: true,
                  provider: playwright({ launchOptions: chromium }),
                  screenshotFailures: false,
                  instances: [{ browser: 'chromium' as const }],
                },
              },
            },
            {
              test: {
                name: 'e2e',
                environment: 'node',
                include: ['apps/*/test/**/*.e2e.test.ts', 'packages/*/test/**/*.e2e.test.ts'],
                testTimeout: e2eTimeout,
                hookTimeout: e2eTimeout,
                expect,
              },
            },
          ]
        : []),
    ],
  },
});
