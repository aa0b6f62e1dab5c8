import { type Clock, concat, latest, merge, pipe, pushable, race, retry, type Stream } from '@chatkit/stream';
import { type Lesson, lesson, type Value } from '../scene.ts';
import { count, line, ms } from './lines.ts';

const family = 'Combine';
const numbers = line([1, 2, 3, 4], [60, 300, 540, 780]);
const letters = line(['x', 'y', 'z'], [180, 420, 960]);

/** `value` three times, one every `everyMs`: the answer to a question. */
export function answer(value: Value, everyMs: number, clock: Clock): Stream<string> {
  const parts = pushable<string>();
  const next = (count: number): void => {
    parts.push(`${value}${'′'.repeat(count)}`);
    if (count === 3) parts.end();
    else clock.setTimeout(() => next(count + 1), everyMs);
  };
  clock.setTimeout(() => next(1), everyMs);
  return parts;
}

export const combine: readonly Lesson[] = [
  lesson({
    name: 'merge',
    family,
    says: 'All items as they become ready. An error of one closes the others and comes at once.',
    lines: [numbers, letters],
    knobs: {},
    code: () => 'merge(a, b)',
    run: ([a, b]) => merge(a, b),
  }),
  lesson({
    name: 'concat',
    family,
    says: 'One after the other; b is opened when a has ended.',
    lines: [line([1, 2], [80, 300]), line(['x', 'y', 'z'], [180, 620, 860])],
    knobs: {},
    code: () => 'concat(a, b)',
    run: ([a, b]) => concat(a, b),
  }),
  lesson({
    name: 'race',
    family,
    says: 'The source that answers first. The other is closed and not waited for.',
    lines: [line([1, 2, 3], [240, 420, 700]), line(['x', 'y', 'z'], [180, 560, 860])],
    knobs: {},
    code: () => 'race(a, b)',
    run: ([a, b]) => race(a, b),
  }),
  lesson({
    name: 'latest',
    family,
    says: 'A new question cancels the answer to the one before.',
    lines: [line(['p', 'q', 'r'], [60, 340, 800])],
    knobs: { everyMs: ms('an answer has a part every', 110, 300, 10) },
    code: ({ everyMs }) => `pipe(a, latest((question) => answer(question, ${everyMs})))`,
    run: ([a], { everyMs }, clock) =>
      pipe(
        a,
        latest((question) => answer(question, everyMs, clock)),
      ),
  }),
  lesson({
    name: 'retry',
    family,
    says: 'When the first attempt (a) fails, the next (b) is made after a wait.',
    lines: [line([1, 2, 3], [60, 200, 340], { fails: true, endsAt: 400 }), line([4, 5, 6], [500, 800, 1000])],
    knobs: { baseMs: ms('first wait', 200, 500, 10), retries: count('retries', 2) },
    code: ({ baseMs, retries }) =>
      `retry(({ attempt }) => [a, b][attempt], { baseMs: ${baseMs}, retries: ${retries}, random: () => 1 })`,
    run: (sources, { baseMs, retries }, clock) =>
      retry(({ attempt }) => sources[attempt] as (typeof sources)[0], { baseMs, retries, random: () => 1, clock }),
  }),
];
