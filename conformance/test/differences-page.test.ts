/** The page of differences, the scenarios and the reference's own tests name each other completely. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadScenarios, readJson } from './scenario.ts';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/reference/differences.md', root), 'utf8');
const scenarios = loadScenarios();

/** A row of the page: `| <a id="name"></a>`name` | what the reference does | what we do | why | tests |`. */
const rows = page
  .split('\n')
  .map((line) => /^\| <a id="([\w-]+)"><\/a>`([\w-]+)` \|(.*)\|$/.exec(line))
  .filter((match) => match !== null)
  .map(([, anchor, id, cells]) => ({ anchor, id: id as string, cells: (cells as string).split('|') }));

describe('docs/reference/differences.md', () => {
  it('names every difference once', () => {
    expect(rows.length).toBeGreaterThan(20);
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
    for (const { anchor, id, cells } of rows) {
      expect(anchor).toBe(id);
      expect([id, cells.length]).toEqual([id, 4]);
    }
  });

  it('has a row for every difference that a scenario asserts', () => {
    const asserted = new Set(scenarios.flatMap(({ differs = [] }) => differs.map(({ id }) => id)));
    expect([...asserted].filter((id) => !rows.some((row) => row.id === id))).toEqual([]);
  });

  it.each(rows)('$id: each test that the row names is there and asserts it', ({ id, cells }) => {
    const named = [...(cells[3] as string).matchAll(/`([^`]+)`/g)].map(([, name]) => name as string);
    expect(named.length).toBeGreaterThan(0);
    const asserting = scenarios.filter(({ differs = [] }) => differs.some((each) => each.id === id));
    for (const name of named) {
      if (name.includes('/')) expect([name, existsSync(new URL(name, root))]).toEqual([name, true]);
      else expect(asserting.map((scenario) => scenario.name)).toContain(name);
    }
    // One scenario stands for the others of its row.
    if (asserting.length > 0) expect(named.some((name) => !name.includes('/'))).toBe(true);
  });
});

describe('the tests of the reference', () => {
  const upstream = readJson<
    Record<'server' | 'store' | 'widgets' | 'icons', string[]> &
      Record<'elsewhere' | 'notPorted', Record<string, string>>
  >('upstream.json');
  const all = [...upstream.server, ...upstream.store, ...upstream.widgets, ...upstream.icons];
  const covered = scenarios.flatMap(({ covers = [] }) => covers);

  it.each(all)('%s has a scenario, or a test elsewhere', (name) => {
    const file = upstream.elsewhere[name];
    if (file !== undefined) expect([file, existsSync(new URL(file, root))]).toEqual([file, true]);
    else if (upstream.notPorted[name] === undefined) expect(covered).toContain(name);
  });

  it('are the only ones that scenarios name', () => {
    expect(covered.filter((name) => !all.includes(name))).toEqual([]);
  });
});
