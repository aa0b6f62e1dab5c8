/** What is drawn is what the real operators do, and what the shown code does. */
import * as stream from '@chatkit/stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { answer } from '../web/lessons/combine.ts';
import { lessons } from '../web/lessons/index.ts';
import { sleep } from '../web/lessons/transform.ts';
import { type Make, type Outcome, play } from '../web/play.ts';
import { codeOf, HORIZON_MS, type Lesson, type Line, type Scene, sceneOf, turnKnob } from '../web/scene.ts';

const lessonOf = (name: string): Lesson => {
  const found = lessons.find((lesson) => lesson.name === name);
  if (found === undefined) throw new Error(`There is no lesson ${name}`);
  return found;
};
const played = (name: string, lines?: readonly Line[]): Promise<Outcome> => {
  const scene = sceneOf(lessonOf(name));
  return play(lines === undefined ? scene : { ...scene, lines });
};

/** Runs the code of a scene as text, with operators that go by the clock that they are given. */
const fromText =
  (scene: Scene): Make =>
  ([a, b], settings, clock) => {
    const timed = Object.entries(stream)
      .filter(([name]) => /^[a-z]/.test(name) && name !== 'systemClock')
      .map(([name, operator]) => [
        name,
        (...given: unknown[]) => {
          const options = given.at(-1);
          const isTimed = !['pipe', 'merge', 'concat', 'race'].includes(name) && options?.constructor === Object;
          if (isTimed) given.splice(-1, 1, { ...options, clock });
          return (operator as (...given: unknown[]) => unknown)(...given);
        },
      ]);
    const scope: Record<string, unknown> = {
      a,
      b,
      sleep: (delayMs: number) => sleep(clock, delayMs),
      answer: (question: string, everyMs: number) => answer(question, everyMs, clock),
      ...Object.fromEntries(timed),
    };
    return new Function(...Object.keys(scope), `return ${scene.lesson.code(settings)}`)(...Object.values(scope));
  };

test.each(lessons.map((lesson) => [lesson.name, lesson] as const))(
  'the code shown for %s makes what is drawn, whatever the knobs say',
  async (_, lesson) => {
    const settings = fc.record(
      Object.fromEntries(
        Object.entries(lesson.knobs).map(([name, { min, max, step }]) => [
          name,
          fc.integer({ min: 0, max: (max - min) / step }).map((steps) => min + steps * step),
        ]),
      ),
    );
    await fc.assert(
      fc.asyncProperty(settings, async (values) => {
        const scene = Object.entries(values).reduce((it, [name, value]) => turnKnob(it, name, value), sceneOf(lesson));
        const outcome = await play(scene);
        expect(await play(scene, fromText(scene))).toEqual(outcome);
        const times = outcome.marbles.map(({ at }) => at);
        expect(times).toEqual(times.toSorted((left, right) => left - right));
        expect(Math.max(0, ...times)).toBeLessThanOrEqual(HORIZON_MS);
        expect(codeOf(scene).split('\n')).toHaveLength(3);
      }),
      { numRuns: 8 },
    );
  },
);

test('every lesson begins with something to see', async () => {
  for (const lesson of lessons) {
    const { marbles, ending } = await play(sceneOf(lesson));
    expect(marbles.length, lesson.name).toBeGreaterThan(0);
    expect(ending, lesson.name).toBeDefined();
  }
});

const lineOf = (start: number): fc.Arbitrary<Line> =>
  fc.uniqueArray(fc.integer({ min: 0, max: 70 }), { maxLength: 6 }).map((places) => ({
    // Even places for one line and odd ones for the other, so that no two items come at the same time.
    marbles: places.toSorted((left, right) => left - right).map((place) => ({ at: place * 20 + start, value: place })),
    endsAt: 1450,
    fails: false,
  }));

test('merge draws the items of both lines at their own times', async () => {
  await fc.assert(
    fc.asyncProperty(lineOf(0), lineOf(10), async (a, b) => {
      const both = [...a.marbles, ...b.marbles].toSorted((left, right) => left.at - right.at);
      expect(await played('merge', [a, b])).toEqual({
        marbles: both.map(({ at, value }) => ({ at, label: String(value) })),
        ending: { at: 1450 },
      });
    }),
    { numRuns: 30 },
  );
});

test('filter draws the items that it keeps, at their own times', async () => {
  await fc.assert(
    fc.asyncProperty(lineOf(0), async (a) => {
      const kept = a.marbles.filter(({ value }) => Number(value) > 2);
      const { marbles } = await played('filter', [a]);
      expect(marbles).toEqual(kept.map(({ at, value }) => ({ at, label: String(value) })));
    }),
    { numRuns: 30 },
  );
});

test('a line that fails is drawn as one', async () => {
  const fails: Line = { marbles: [{ at: 100, value: 1 }], endsAt: 300, fails: true };
  expect(await played('map', [fails])).toEqual({
    marbles: [{ at: 100, label: '10' }],
    ending: { at: 300, error: 'Error' },
  });
});

test('a gap that is too long is a TimeoutError, when it has become too long', async () => {
  const gap: Line = { marbles: [100, 800].map((at, value) => ({ at, value })), endsAt: 900, fails: false };
  expect(await played('timeout', [gap])).toEqual({
    marbles: [{ at: 100, label: '0' }],
    ending: { at: 450, error: 'TimeoutError' },
  });
});

test('what is not over at the horizon has no end', async () => {
  const scene = turnKnob(sceneOf(lessonOf('adaptiveBatch')), 'readerMs', 500);
  const late = { ...scene, lines: [{ marbles: [{ at: 1400, value: 1 }], endsAt: 1450, fails: false }] };
  expect(await play(late)).toEqual({ marbles: [{ at: 1400, label: '1' }] });
});
