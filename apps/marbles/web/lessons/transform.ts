import { filter, map, mapAsync, pipe, scan, take } from '@chatkit/stream';
import { type Lesson, lesson, type Value } from '../scene.ts';
import { count, line, ms } from './lines.ts';

const family = 'Transform';
const numbers = line([1, 2, 3, 4, 5], [80, 260, 420, 700, 860]);

export const sleep = (clock: { setTimeout(then: () => void, delayMs: number): unknown }, delayMs: number) =>
  new Promise<void>((resolve) => clock.setTimeout(resolve, delayMs));

export const transform: readonly Lesson[] = [
  lesson({
    name: 'map',
    family,
    says: 'Changes every item. An error comes behind the items before it.',
    lines: [numbers],
    knobs: { by: { label: 'times', value: 10, min: 2, max: 20, step: 1 } },
    code: ({ by }) => `pipe(a, map((n) => n * ${by}))`,
    run: ([a], { by }) =>
      pipe(
        a,
        map((n) => Number(n) * by),
      ),
  }),
  lesson({
    name: 'filter',
    family,
    says: 'Keeps some of the items.',
    lines: [numbers],
    knobs: { above: { label: 'greater than', value: 2, min: 0, max: 5, step: 1 } },
    code: ({ above }) => `pipe(a, filter((n) => n > ${above}))`,
    run: ([a], { above }) =>
      pipe(
        a,
        filter((n) => Number(n) > above),
      ),
  }),
  lesson({
    name: 'scan',
    family,
    says: 'A running result, after each item.',
    lines: [numbers],
    knobs: {},
    code: () => 'pipe(a, scan((sum, n) => sum + n, 0))',
    run: ([a]) =>
      pipe(
        a,
        scan((sum: number, n: Value) => sum + Number(n), 0),
      ),
  }),
  lesson({
    name: 'take',
    family,
    says: 'The beginning. The source is closed before the last item is handed out.',
    lines: [numbers],
    knobs: { items: count('items', 3) },
    code: ({ items }) => `pipe(a, take(${items}))`,
    run: ([a], { items }) => pipe(a, take(items)),
  }),
  lesson({
    name: 'mapAsync',
    family,
    says: 'Calls that overlap, in order or in the order in which they are ready.',
    lines: [line([3, 1, 2, 1, 3], [40, 100, 160, 520, 580])],
    knobs: {
      eachMs: ms('a call takes, times n', 120, 250, 10),
      concurrency: count('concurrency', 3),
      order: { label: 'ordered', value: 0, min: 0, max: 1, step: 1, options: ['true', 'false'] },
    },
    code: ({ eachMs, concurrency, order }) =>
      `pipe(a, mapAsync(async (n) => { await sleep(n * ${eachMs}); return n; }, { concurrency: ${concurrency}, ordered: ${order === 0} }))`,
    run: ([a], { eachMs, concurrency, order }, clock) =>
      pipe(
        a,
        mapAsync(
          async (n: Value) => {
            await sleep(clock, Number(n) * eachMs);
            return n;
          },
          { concurrency, ordered: order === 0 },
        ),
      ),
  }),
];
