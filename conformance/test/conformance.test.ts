/**
 * The proof: every scenario that was recorded from the Python SDK gives the same bytes, the same JSON, the same calls of
 * the application and the same rows on our server. Where it does not, the scenario says so and says what ours does
 * instead, and `docs/reference/differences.md` says why.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '@chatkit/core';
import { createMemoryStore } from '@chatkit/store/memory';
import { createSqliteStore } from '@chatkit/store/sqlite';
import { afterAll, describe, expect, it } from 'vitest';
import { comparable, comparableRows, expectedOf } from './differences.ts';
import { replay } from './replay.ts';
import { type Context, loadRecording, loadScenarios } from './scenario.ts';

const folder = mkdtempSync(join(tmpdir(), 'chatkit-conformance-'));
afterAll(() => rmSync(folder, { recursive: true }));

const stores: [name: string, open: (scenario: string) => Store<Context> & Partial<Disposable>][] = [
  ['in memory', () => createMemoryStore()],
  ['in SQLite', (scenario) => createSqliteStore({ path: join(folder, `${scenario}.db`) })],
];

describe.each(stores)(
  'every scenario gives what the reference gives, or the difference that it names, %s',
  (_, open) => {
    it.each(loadScenarios().map((scenario) => [scenario.name, scenario] as const))('%s', async (name, scenario) => {
      const store = open(name);
      const expected = expectedOf(scenario, loadRecording(name));
      const actual = await replay(scenario, expected, store).finally(() => store[Symbol.dispose]?.());
      expect(actual.answers.map(comparable)).toEqual(expected.answers.map(comparable));
      expect(comparableRows(actual.rows)).toEqual(comparableRows(expected.rows));
    });
  },
);

describe('every difference that a scenario names is one', () => {
  const named = loadScenarios().flatMap(({ differs = [], ...scenario }) =>
    differs.map((difference, at) => [`${scenario.name}, ${at}: ${difference.id}`, scenario, difference] as const),
  );
  it.each(named)('%s', (_, scenario, difference) => {
    const recording = loadRecording(scenario.name);
    const expected = expectedOf({ ...scenario, differs: [difference] }, recording);
    const picture = (of: typeof recording) => [of.answers.map(comparable), comparableRows(of.rows)];
    expect(picture(expected)).not.toEqual(picture(recording));
  });
});
