import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { findPassages } from '../server/knowledge/find-passages.ts';
import { createPassageIndex } from '../server/knowledge/passage-index.ts';
import { readDocuments } from '../server/knowledge/read-documents.ts';
import { readQuestion } from '../server/knowledge/read-question.ts';
import { sourceUrl } from '../server/knowledge/source-url.ts';
import { splitPassages } from '../server/knowledge/split-passages.ts';
import { termsOf } from '../server/knowledge/terms.ts';
import { breaking, suggestions } from '../web/suggestions.ts';
import { documents, index } from './fixtures.ts';

const headings = (question: string) => findPassages(index, question, []).map(({ passage }) => passage.heading);

test('a document is cut at its headings, without comments and images', () => {
  const passages = documents.flatMap(splitPassages);
  expect(passages.map((passage) => [passage.path, passage.heading])).toEqual([
    ['README.md', 'Lighthouse'],
    ['README.md', 'Install'],
    ['docs/lamps.md', 'Stopping a lamp'],
    ['docs/lamps.md', 'Reconnecting'],
    ['docs/lamps.md', 'Table of lamps'],
  ]);
  expect(passages[0]?.body).toBe('A toolkit for [lamps](/source/docs/lamps.md).');
});

test('a heading inside a fence is code', () => {
  const passages = splitPassages({ path: 'a.md', text: '# A\n\n```sh\n# not a heading, but a comment\n```\n' });
  expect(passages).toHaveLength(1);
});

test('long sections are cut where a paragraph ends', () => {
  const paragraph = `${'word '.repeat(100).trim()}.`;
  const passages = splitPassages({ path: 'a.md', text: `# A\n\n${[1, 2, 3, 4, 5].map(() => paragraph).join('\n\n')}` });
  expect(passages.length).toBeGreaterThan(1);
  for (const { body } of passages) expect(body.endsWith('word.')).toBe(true);
});

test.each([
  ['How do I stop a lamp?', 'Stopping a lamp'],
  ['how can lamps be cancelled', 'Stopping a lamp'],
  ['What happens after it reconnects?', 'Reconnecting'],
  ['How to install?', 'Install'],
  ['instaling', 'Install'],
  ['does it recconect', 'Reconnecting'],
  ['reconecting', 'Reconnecting'],
  ['which one is amber', 'Table of lamps'],
  ['What is this?', 'Lighthouse'],
  ["what's this project about?", 'Lighthouse'],
  ['What is Lamps?', 'Stopping a lamp'],
])('%s → %s', (question, heading) => {
  expect(headings(question)[0]).toBe(heading);
});

test.each(['What is the capital of France?', 'how do I cook pasta', '???', ''])(
  'nothing is found for %j',
  (question) => {
    expect(headings(question)).toEqual([]);
  },
);

test('the language of a fence is no word of the passage', () => {
  const fenced = createPassageIndex([
    { path: 'a.md', text: '# A\n\nSome words before it.\n\n```toml\nkey = 1\n```\n' },
  ]);
  expect(findPassages(fenced, 'toml', [])).toEqual([]);
  expect(findPassages(fenced, 'key', [])).toHaveLength(1);
});

test('one unimportant word in common is no answer', () => {
  expect(headings('the president of the lamp parliament in Bavaria')).toEqual([]);
});

test('a passage that says it in one place comes before one that has the words far apart', () => {
  const apart = ['A lamp is red.', 'Some words.', 'Others stop.', 'The keeper sleeps.'].join('\n\n');
  const together = ['A keeper is there.', 'Some words.', 'To stop the lamp the keeper sleeps.', 'Others.'].join('\n\n');
  const two = createPassageIndex([
    { path: 'a.md', text: `# A\n\n${apart}\n` },
    { path: 'b.md', text: `# B\n\n${together}\n` },
  ]);
  expect(findPassages(two, 'does the keeper stop the lamp', [])[0]?.passage.path).toBe('b.md');
});

test('an index without documents finds nothing', () => {
  const empty = createPassageIndex([]);
  expect(empty.size).toBe(0);
  expect(findPassages(empty, 'How do I stop a lamp?', [])).toEqual([]);
});

test('forms of a word meet, and names are found by their parts', () => {
  expect(termsOf('stops')).toEqual(termsOf('stopping'));
  expect(termsOf('cancellation')).toEqual(termsOf('cancelled'));
  expect(termsOf('createChatServer')).toEqual(['createchatserver', 'creat', 'chat', 'server']);
});

test('a follow-up leans on the question before it', () => {
  const past = [{ question: 'How do I stop a lamp?', sourceUrls: [] }];
  expect(readQuestion('and why?', past)).toMatchObject({ kind: 'question', context: ['stop', 'lamp'] });
  expect(readQuestion('How to install the toolkit on Windows?', past)).toMatchObject({ context: [] });
  expect(readQuestion('Show me a server in a few lines', past)).toMatchObject({ terms: ['server'], context: [] });
});

test('"more" asks the same again, without what was shown', () => {
  const question = 'lamps';
  const first = findPassages(index, question, []);
  const past = [{ question, sourceUrls: first.slice(0, 1).map(({ passage }) => sourceUrl(passage)) }];
  expect(readQuestion('Tell me more', past)).toMatchObject({ kind: 'more' });
  const more = findPassages(index, 'Tell me more', past).map(({ passage }) => passage.id);
  expect(more.length).toBeGreaterThan(0);
  expect(more).not.toContain(first[0]?.passage.id);
});

test.each([breaking, ...suggestions])(
  'the real documentation answers the suggested $question',
  async ({ question: suggestion }) => {
    const real = createPassageIndex(await readDocuments(fileURLToPath(new URL('../../..', import.meta.url))));
    const found = findPassages(real, suggestion, []);
    expect(found.length).toBeGreaterThan(0);
    // Whichever of them was asked before.
    for (const { question } of [breaking, ...suggestions]) {
      const [first] = findPassages(real, suggestion, [{ question, sourceUrls: [] }]);
      expect(first?.passage.id).toBe(found[0]?.passage.id);
    }
  },
);

test('missing files are left out', async () => {
  const root = await mkdtemp(join(tmpdir(), 'chat-docs-'));
  onTestFinished(() => rm(root, { recursive: true }));
  expect(await readDocuments(root)).toEqual([]);
  await mkdir(join(root, 'docs', 'guides'), { recursive: true });
  await mkdir(join(root, 'packages', 'core'), { recursive: true });
  await writeFile(join(root, 'docs', 'guides', 'a.md'), '# A\n');
  await writeFile(join(root, 'docs', 'guides', 'a.png'), '');
  await writeFile(join(root, 'packages', 'core', 'README.md'), '# Core\n');
  expect((await readDocuments(root)).map((each) => each.path)).toEqual(['docs/guides/a.md', 'packages/core/README.md']);
});
