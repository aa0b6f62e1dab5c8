/** The kits, run on implementations with one fault each: a test that cannot fail proves nothing. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { leaseMutants } from './mutants/lease-mutants.ts';
import { logMutants } from './mutants/log-mutants.ts';
import { storeMutants } from './mutants/store-mutants.ts';

interface Assertion {
  readonly ancestorTitles: readonly string[];
  readonly title: string;
  readonly status: string;
}

/** Runs the kits on the mutants in a vitest of its own, and says which tests failed, by suite. */
const failures = async (): Promise<Map<string, string[]>> => {
  const folder = mkdtempSync(join(tmpdir(), 'chatkit-mutants-'));
  const report = join(folder, 'report.json');
  const mutants = fileURLToPath(new URL('mutants', import.meta.url));
  const vitest = fileURLToPath(import.meta.resolve('vitest/package.json')).replace(/package\.json$/, 'vitest.mjs');
  const flags = ['run', '--root', mutants, '--config', join(mutants, 'vitest.config.ts'), '--reporter=json'];
  try {
    // It ends with an error, as tests fail; what counts is the report.
    const { stderr = '' } = await promisify(execFile)(process.execPath, [
      vitest,
      ...flags,
      `--outputFile=${report}`,
    ]).catch((error: { stderr?: string }) => error);
    if (!existsSync(report)) throw new Error(`The kits did not run: ${stderr}`);
    const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
      testResults: { assertionResults: Assertion[] }[];
    };
    const failed = new Map<string, string[]>();
    for (const { assertionResults } of testResults) {
      for (const { ancestorTitles, title, status } of assertionResults) {
        const suite = ancestorTitles[0] ?? '';
        const titles = failed.get(suite) ?? [];
        if (status === 'failed') titles.push(title);
        failed.set(suite, titles);
      }
    }
    return failed;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

describe('the conformance kits', () => {
  let failed = new Map<string, string[]>();
  beforeAll(async () => {
    failed = await failures();
  }, 120_000);

  it.each(['sound store', 'sound log', 'sound lease'])('pass a %s', (name) => {
    expect(failed.get(name)).toEqual([]);
  });

  it.each(Object.entries({ ...storeMutants, ...logMutants, ...leaseMutants }))(
    'notice one that %s',
    (name, { fails }) => {
      expect(failed.get(name)?.join('\n') ?? 'not run').toContain(fails);
    },
  );
});
