import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { expect, it } from 'vitest';

const textOf = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
const built = textOf('../dist/index.js');

// React server components import the hooks as references to the client, which the React of the server cannot run.
it('is marked as a module of the client, before its first statement', () => {
  expect(built).toMatch(/^['"]use client['"];\n/);
});

it('has a source map that takes the mark into account', () => {
  const map = new SourceMap(JSON.parse(textOf('../dist/index.js.map')));
  const at = built.split('\n').findIndex((line) => line.includes('createContext('));
  const column = built.split('\n')[at]?.indexOf('createContext(') as number;
  const { originalSource, originalLine, originalColumn } = map.findEntry(at, column) as {
    originalSource: string;
    originalLine: number;
    originalColumn: number;
  };
  expect(originalSource).toMatch(/src\/chat-provider\.ts$/);
  const line = textOf('../src/chat-provider.ts').split('\n')[originalLine];
  expect(line?.slice(originalColumn)).toMatch(/^createContext/);
});
