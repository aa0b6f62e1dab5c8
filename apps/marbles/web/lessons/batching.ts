import { adaptiveBatch, batch, buffer, coalesce, pipe } from '@chatkit/stream';
import { type Lesson, lesson, READER, type Value } from '../scene.ts';
import { count, line, ms } from './lines.ts';

const family = 'Batch and buffer';
const burst = line([1, 2, 3, 4, 5, 6, 7, 8], [60, 130, 200, 270, 340, 410, 620, 900]);
const POLICIES = ['block', 'drop-oldest', 'drop-newest', 'error'] as const;

export const batching: readonly Lesson[] = [
  lesson({
    name: 'batch',
    family,
    says: 'Items by the array, by count and by time.',
    lines: [burst],
    knobs: { maxItems: count('maxItems', 3, 8), maxMs: ms('maxMs', 250, 500, 50) },
    code: ({ maxItems, maxMs }) => `pipe(a, batch({ maxItems: ${maxItems}, maxMs: ${maxMs} }))`,
    run: ([a], { maxItems, maxMs }, clock) => pipe(a, batch<Value>({ maxItems, maxMs, clock })),
  }),
  lesson({
    name: 'adaptiveBatch',
    family,
    says: 'Batches as large as the reader is slow. No window to tune.',
    lines: [burst],
    knobs: { [READER]: ms('the reader takes', 180) },
    code: () => 'pipe(a, adaptiveBatch())',
    run: ([a], _, clock) => pipe(a, adaptiveBatch<Value>({ clock })),
  }),
  lesson({
    name: 'coalesce',
    family,
    says: 'While the reader is busy, neighbours of one kind become one item.',
    lines: [line(['a', 'b', 'c', 'D', 'e', 'f', 'g'], [60, 130, 200, 270, 340, 410, 620])],
    knobs: { [READER]: ms('the reader takes', 240) },
    code: () => "pipe(a, coalesce({ key: (x) => (x < 'a' ? 'upper' : 'lower'), merge: (x, y) => x + y }))",
    run: ([a]) => pipe(a, coalesce<Value>({ key: (x) => (x < 'a' ? 'upper' : 'lower'), merge: (x, y) => `${x}${y}` })),
  }),
  lesson({
    name: 'buffer',
    family,
    says: 'Room between a fast source and a slow reader. What is lost is never lost silently.',
    lines: [burst],
    knobs: {
      capacity: count('capacity', 2),
      policy: { label: 'overflow', value: 1, min: 0, max: 3, step: 1, options: POLICIES },
      [READER]: ms('the reader takes', 200),
    },
    code: ({ capacity, policy }) => {
      const stand = POLICIES[policy]?.startsWith('drop') ? ", lagged: (n) => '−' + n" : '';
      return `pipe(a, buffer({ capacity: ${capacity}, overflow: '${POLICIES[policy]}'${stand} }))`;
    },
    run: ([a], { capacity, policy }) => {
      const overflow = POLICIES[policy] ?? 'block';
      if (overflow === 'block' || overflow === 'error') return pipe(a, buffer<Value>({ capacity, overflow }));
      return pipe(a, buffer<Value, string>({ capacity, overflow, lagged: (n) => `−${n}` }));
    },
  }),
];
