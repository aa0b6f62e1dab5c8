import { expect, test } from 'vitest';
import { anchorsOf } from '../scripts/markdown-anchors.mjs';

test.each([
  ['## Run ids and repeats', 'run-ids-and-repeats'],
  ["## A run's beginning and end", 'a-runs-beginning-and-end'],
  ['## What is `respond()`?', 'what-is-respond'],
  ['### `stream.map<T, U>`', 'streammapt-u'],
  ['## 1000 connections × 20 tokens/s', '1000-connections--20-tokenss'],
  ['# @chatkit/server', 'chatkitserver'],
  ['## Stops & starts', 'stops--starts'],
  ['## Part 2: extensions', 'part-2-extensions'],
  ['## A [link](deploy.md#proxies) and **stress**', 'a-link-and-stress'],
  ['## _Emphasis_ and a_name', 'emphasis-and-a_name'],
  ['## <a id="own"></a>Mounting it', 'mounting-it'],
  ['## Closed ##', 'closed'],
  ['## Größe', 'größe'],
])('%s', (heading, anchor) => {
  expect([...anchorsOf(`Text.\n\n${heading}\n\nText.`)]).toContain(anchor);
});

test('a heading that repeats is numbered', () => {
  expect([...anchorsOf('# Queue\n\n## Queue\n\n## Queue\n')]).toEqual(['queue', 'queue-1', 'queue-2']);
});

test('ids that are written out are anchors', () => {
  expect([...anchorsOf('| <a id="bounded-pages"></a>`bounded-pages` | text |\n\n<a name="old"></a>\n')]).toEqual([
    'bounded-pages',
    'old',
  ]);
});

test('what stands in a code block is neither a heading nor an id', () => {
  const page = '```sh\n# a comment\n```\n\n  ```html\n  <a id="no"></a>\n  ```\n\n~~~\n# no\n~~~\n\n# Real\n';
  expect([...anchorsOf(page)]).toEqual(['real']);
});
