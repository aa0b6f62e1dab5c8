import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

// The sizes that a reader is told, against the limits that CI holds the bundles to. Who raises a limit says so
// everywhere.

const textOf = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const limits = JSON.parse(textOf('.size-limit.json')) as { name: string; limit: string }[];
const limitOf = (name: string): number => Number.parseFloat(limits.find((each) => each.name === name)?.limit ?? '');

test.each([
  ['README.md', /the client, minified and gzipped \| (\S+) kB/, 'client: createChatClient', 1],
  ['docs/guides/questions.md', /About (\S+) kB, minified and gzipped/, 'client: createChatClient', 1],
  ['packages/client/README.md', /(\S+) kB min\+gzip/, 'client: createChatClient', 1],
  ['docs/decisions/client-size.md', /`createChatClient` alone to (\S+) kB/, 'client: createChatClient', 2],
  ['docs/decisions/client-size.md', /The client is held to (\S+) kB/, 'client: everything', 2],
  ['packages/core/README.md', /contracts; (\S+) kB gzipped/, 'core', 0],
  ['docs/decisions/stream-size.md', /The package is held to (\S+) kB/, 'stream: everything', 0],
  ['docs/decisions/stream-size.md', /The three are (\S+) kB/, 'stream: pipe + map + batch', 2],
] as const)('%s: %s is the limit of %s', (path, statement, name, digits) => {
  expect(statement.exec(textOf(path))?.[1]).toBe(limitOf(name).toFixed(digits));
});
