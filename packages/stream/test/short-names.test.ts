import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { shortNames } from '../../../short-names.ts';
import { INTERNAL } from '../internal-names.ts';

const here = path.join(import.meta.dirname, '..');
const sources = path.join(here, 'src');
const short = shortNames(sources, INTERNAL);

describe('the short names of the build', () => {
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

  it.each(files)('differ within %s', (file) => {
    const members = readFileSync(path.join(sources, file), 'utf8').match(/\b_[a-z]\w*/g) ?? [];
    const known = [...new Set(members)].filter((name) => name in short);
    expect(new Set(known.map((name) => short[name])).size).toBe(known.length);
  });

  it('give every private member a letter', () => {
    const members = files.flatMap((file) => {
      const code = readFileSync(path.join(sources, file), 'utf8');
      return [...code.matchAll(/^ {2}(?:declare |private |readonly |async )*(_[a-z]\w*)/gm)].map(([, name]) => name);
    });
    expect(members.length).toBeGreaterThan(50);
    expect(members.filter((name) => !/^[a-zA-Z]$/.test(short[name as string] ?? ''))).toEqual([]);
  });

  it('leave alone what users see', () => {
    const reference = readFileSync(path.join(here, 'API.md'), 'utf8');
    const members = [...reference.matchAll(/^ {4}(?:readonly |get )?(\w+)\??[:(<]/gm)].map(
      ([, name]) => name as string,
    );
    expect(members).toContain('maxItems');
    expect(members.filter((name) => INTERNAL.test(name))).toEqual([]);
  });
});
