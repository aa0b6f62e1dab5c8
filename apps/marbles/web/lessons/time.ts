import { heartbeat, map, pipe, rateLimit, smooth, throttle, timeout } from '@chatkit/stream';
import { type Lesson, lesson, type Value } from '../scene.ts';
import { count, line, ms } from './lines.ts';

const family = 'Time';
const uneven = line([1, 2, 3, 4, 5, 6, 7], [60, 120, 180, 300, 380, 800, 880]);

export const time: readonly Lesson[] = [
  lesson({
    name: 'throttle',
    family,
    says: 'The newest item, not too often. The last always comes.',
    lines: [uneven],
    knobs: { everyMs: ms('everyMs', 200, 500, 10) },
    code: ({ everyMs }) => `pipe(a, throttle({ everyMs: ${everyMs} }))`,
    run: ([a], { everyMs }, clock) => pipe(a, throttle<Value>({ everyMs, clock })),
  }),
  lesson({
    name: 'rateLimit',
    family,
    says: 'Every item, not too fast.',
    lines: [uneven],
    knobs: { items: count('count', 2), perMs: ms('perMs', 300, 500, 50) },
    code: ({ items, perMs }) => `pipe(a, rateLimit({ count: ${items}, perMs: ${perMs} }))`,
    run: ([a], { items, perMs }, clock) => pipe(a, rateLimit<Value>({ count: items, perMs, clock })),
  }),
  lesson({
    name: 'timeout',
    family,
    says: 'Fails when the source keeps the reader waiting.',
    lines: [line([1, 2, 3, 4], [160, 320, 420, 900])],
    knobs: { firstMs: ms('firstMs', 250, 500, 10), idleMs: ms('idleMs', 350, 500, 10) },
    code: ({ firstMs, idleMs }) => `pipe(a, timeout({ firstMs: ${firstMs}, idleMs: ${idleMs} }))`,
    run: ([a], { firstMs, idleMs }, clock) => pipe(a, timeout<Value>({ firstMs, idleMs, clock })),
  }),
  lesson({
    name: 'heartbeat',
    family,
    says: 'Fills the silence of a source.',
    lines: [line([1, 2, 3, 4], [160, 320, 420, 980])],
    knobs: { everyMs: ms('everyMs', 200, 500, 50) },
    code: ({ everyMs }) => `pipe(a, heartbeat({ everyMs: ${everyMs}, value: '♥' }))`,
    run: ([a], { everyMs }, clock) => pipe(a, heartbeat<Value, string>({ everyMs, value: '♥', clock })),
  }),
  lesson({
    name: 'smooth',
    family,
    says: 'Text at an even pace, in whole words. No delay grows beyond maxLagMs.',
    lines: [line(['Bursts beco', 'me a flow of wor', 'ds.'], [60, 300, 760], { endsAt: 1000 })],
    knobs: {
      maxLagMs: ms('maxLagMs', 250, 500, 50),
      minRate: { label: 'minRate', value: 40, min: 20, max: 200, step: 20 },
    },
    code: ({ maxLagMs, minRate }) => `pipe(a, smooth({ maxLagMs: ${maxLagMs}, minRate: ${minRate} }))`,
    run: ([a], { maxLagMs, minRate }, clock) => pipe(a, map(String), smooth({ maxLagMs, minRate, clock })),
  }),
];
