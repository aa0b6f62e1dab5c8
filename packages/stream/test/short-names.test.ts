import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { shortNames } from '../../../short-names.ts';
import { INTERNAL } from '../internal-names.ts';

const here = path.join(import.meta.dirname, '..');
const sources = path.join(here, 'src');
const short = shortNames(sources, INTERNAL);
/** A source without the lines that are comments. */
const codeOf = (file: string) => readFileSync(path.join(sources, file), 'utf8').replace(/^ *(\/?\*|\/\/).*$/gm, '');

describe('the short names of the build', () => {
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

  it.each(files)('differ within %s', (file) => {
    const names = [...new Set(codeOf(file).match(/[\w$]+/g))].filter((word) => INTERNAL.test(word));
    expect(new Set(names.map((name) => short[name])).size).toBe(names.length);
  });

  it('stand for plain names only where an exported interface declares them', () => {
    const interfaces = files.flatMap((file) => codeOf(file).match(/^export interface [\s\S]*?^}/gm) ?? []).join('\n');
    const listed = INTERNAL.source.match(/(?<=\|)\w+/g) ?? [];
    expect(listed).toContain('onTurn');
    expect(listed.filter((name) => !new RegExp(`^  (readonly )?${name}\\??[:(<]`, 'm').test(interfaces))).toEqual([]);
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
