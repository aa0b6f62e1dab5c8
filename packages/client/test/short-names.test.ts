import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { shortNames } from '../../../short-names.ts';
import { INTERNAL } from '../internal-names.ts';

const here = path.join(import.meta.dirname, '..');
const sources = path.join(here, 'src');

describe('the short names of the build', () => {
  const short = shortNames(sources, INTERNAL);

  it.each(readdirSync(sources))('differ within %s', (file) => {
    const code = readFileSync(path.join(sources, file), 'utf8').replace(/^ *(\/?\*|\/\/).*$/gm, '');
    const words = new Set(code.match(/\w+/g));
    const known = [...words].filter((word) => word in short);
    expect(new Set(known.map((name) => short[name])).size).toBe(known.length);
  });

  it('are letters, and no name is listed in vain', () => {
    const listed = /\(([\w|]+)\)/.exec(INTERNAL.source)?.[1]?.split('|') ?? [];
    expect(listed.filter((name) => !/^[a-zA-Z]$/.test(short[name] ?? ''))).toEqual([]);
  });

  it('leave alone what users see, and what is on the wire', () => {
    const reference = readFileSync(path.join(here, 'API.md'), 'utf8');
    const wire = readFileSync(path.join(here, '../../PROTOCOL.md'), 'utf8');
    for (const text of [reference, wire]) {
      const words = new Set(text.match(/\w+/g));
      expect(words.size).toBeGreaterThan(100);
      expect([...words].filter((word) => INTERNAL.test(word))).toEqual([]);
    }
  });
});
