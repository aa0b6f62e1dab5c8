import { createVirtualClock } from '@chatkit/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findPassages } from '../server/knowledge/find-passages.ts';
import { createPassageIndex } from '../server/knowledge/passage-index.ts';
import { termsOf } from '../server/knowledge/terms.ts';
import { composeAnswer } from '../server/offline/compose-answer.ts';
import { chunksOf, pace } from '../server/offline/pace.ts';
import { threadTitle } from '../server/thread-title.ts';
import { documents, index } from './fixtures.ts';

const compose = (text: string, from = index) =>
  composeAnswer(findPassages(from, text, []), from.relevanceTo(termsOf(text)), text.includes('example'));

test('an answer quotes the passage that was found, with the code that it announces', () => {
  const { text } = compose('How do I install it?');
  expect(text).toContain('**Install.** Run this command');
  expect(text).toContain('```sh\nnpm install lighthouse\n```');
});

test('of a table whose heading is about something else, the matching rows are said', () => {
  const { text } = compose('which one is amber');
  expect(text).toContain('**west**: amber');
  expect(text).not.toContain('red');
});

test('a table that is the answer is kept', () => {
  expect(compose('table of lamps').text).toContain('| south | red |');
});

test('of a row with four columns each cell is named, and empty ones are left out', () => {
  const table =
    '| lamp | lit? | fuel | note |\n|---|---|---|---|\n| the pier | at dusk | oil | – |\n| the mole | always | gas | old |';
  const lamps = createPassageIndex([
    ...documents,
    { path: 'docs/fuel.md', text: `# Fuel\n\n## Around the port\n\n${table}\n` },
  ]);
  expect(compose('what about the pier', lamps).text).toContain('**the pier**: Lit: at dusk. Fuel: oil.');
});

test('of a row with three columns the third is named', () => {
  const table =
    '| you see | it is | do |\n|---|---|---|\n| a flicker | a loose `a \\| b` cable | fasten it |\n| smoke | fire | run |';
  const lamps = createPassageIndex([
    ...documents,
    { path: 'docs/trouble.md', text: `# Trouble\n\n## In the tower\n\n${table}\n` },
  ]);
  expect(compose('why does it flicker', lamps).text).toContain('**a flicker**: a loose `a | b` cable. Do: fasten it');
});

test('a heading that asks the same is not said again, unless the answer hangs on its words', () => {
  const text =
    '# Questions\n\n## Who made the lantern?\n\nA smith in Hamburg, a long time ago.\n\n## Is the lantern heavy?\n\nYes, it is as heavy as a horse.\n';
  const questions = createPassageIndex([...documents, { path: 'docs/questions.md', text }]);
  expect(compose('is a lantern heavy', questions).text).toMatch(/^\*\*Is the lantern heavy\?\*\* Yes/);
  expect(compose('who made the lantern', questions).text).toMatch(/^A smith/);
});

test('an answer that leaves most of the question open says so', () => {
  const found = findPassages(index, 'How do I stop a lamp?', []);
  const { text } = composeAnswer(found, index.relevanceTo(termsOf('wire a lamp to the telephone of a ferry')));
  expect(text).toMatch(/^I found nothing that covers the whole question\./);
});

test('what explains code comes before it, but not when code is asked for', () => {
  const text = '# Signals\n\n## Blinking\n\n```ts\nlamp.blink();\n```\n\nA lamp that blinks is on half of the time.\n';
  const signals = createPassageIndex([...documents, { path: 'docs/signals.md', text }]);
  const positions = (question: string) => {
    const answer = compose(question, signals).text;
    return answer.indexOf('half of the time') - answer.indexOf('lamp.blink()');
  };
  expect(positions('what is blinking')).toBeLessThan(0);
  expect(positions('blinking example')).toBeGreaterThan(0);
});

test('of a long list the items that answer are quoted', () => {
  const items = ['red', 'green', 'blue', 'amber'].map((colour) => `- **A ${colour} one** is for ${colour} ships.`);
  const ships = createPassageIndex([
    ...documents,
    { path: 'docs/ships.md', text: `# Ships\n\n## Signals\n\n${items.join('\n')}\n` },
  ]);
  const { text } = compose('what is a blue one for', ships);
  expect(text).toContain('for blue ships');
  expect(text).not.toContain('for green ships');
});

test('the lead is quoted word for word, under its heading', () => {
  const { text } = compose('How do I stop a lamp?');
  const [lead] = text.split('\n\n### See also');
  const quoted = lead?.replace('**Stopping a lamp.** ', '') ?? '';
  expect(documents[1]?.text).toContain(quoted);
  expect(quoted).toContain('within a second.');
});

test('citations lie within the text, in order', () => {
  const { text, citations } = compose('How do I stop a lamp?');
  const positions = citations.map((each) => each.at);
  expect(positions).toEqual([...positions].sort((a, b) => a - b));
  for (const at of positions) expect(at > 0 && at <= text.length).toBe(true);
});

test('chunks joined are the text', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(chunksOf(text).join('')).toBe(text);
    }),
  );
});

const listen = (source: AsyncIterable<string>, now: () => number) => {
  const heard: { at: number; chunk: string }[] = [];
  const done = (async () => {
    for await (const chunk of source) heard.push({ at: now(), chunk });
  })();
  return { heard, done };
};

test('the pace is the one asked for, and the chunks come one by one', async () => {
  const clock = createVirtualClock();
  const text = 'lorem ipsum dolor sit amet '.repeat(40);
  let seed = 1;
  const random = () => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const { heard, done } = listen(pace(text, { tokensPerSecond: 50, clock, random }), clock.now);
  await clock.advance(10_000);
  await done;
  expect(heard.map((each) => each.chunk).join('')).toBe(text);
  expect(new Set(heard.map((each) => each.at)).size).toBe(heard.length);
  const seconds = (heard.at(-1)?.at ?? 0) / 1_000;
  expect(text.length / 4 / seconds).toBeGreaterThan(30);
  expect(text.length / 4 / seconds).toBeLessThan(60);
  expect(clock.pending).toBe(0);
});

test('an abort ends the wait at once and leaves no timer', async () => {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const { heard, done } = listen(
    pace('one two three four five six', { tokensPerSecond: 1, clock, signal: stop.signal }),
    clock.now,
  );
  const failed = done.catch((reason: unknown) => reason);
  await clock.advance(2_500);
  stop.abort(new Error('enough'));
  expect(await failed).toMatchObject({ message: 'enough' });
  expect(heard.length).toBeGreaterThan(0);
  expect(clock.pending).toBe(0);
});

test.each([
  ['how do I **stop** a `run`?', 'How do I stop a run'],
  ['   ', 'New conversation'],
  [
    'a question that goes on for much longer than any list of threads is wide',
    'A question that goes on for much longer than…',
  ],
])('the title of %j is %j', (text, title) => {
  expect(threadTitle(text)).toBe(title);
});

test('however long a question is, its title is there at once', () => {
  expect(threadTitle(`${'.'.repeat(1_000_000)}x`)).toBe('New conversation');
});
