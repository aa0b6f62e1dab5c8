/**
 * Bounds that are no sensible numbers, as a setting that is missing or a sum with a mistake in it makes them.
 */

import { describe, expect, it } from 'vitest';
import {
  adaptiveBatch,
  batch,
  broadcast,
  buffer,
  coalesce,
  collect,
  filter,
  heartbeat,
  map,
  mapAsync,
  merge,
  pipe,
  pushable,
  rateLimit,
  replayThenTail,
  retry,
  type Source,
  type Stream,
  smooth,
  stallWatchdog,
  take,
  tee,
  throttle,
  timeout,
} from '../src/index.ts';
import { chunked } from './support/chunked.ts';
import { outcome } from './support/outcome.ts';
import { ProbeSource } from './support/probe-source.ts';
import { settle, VirtualClock } from './support/virtual-clock.ts';

const ODD = [Number.NaN, 0, -1, -4, 0.5, 1.5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
const ITEMS = [0, 1, 2, 3, 4, 5];

type Bounded = (source: Source<number>, bound: number, clock: VirtualClock) => Stream<unknown>;

const sizeOf = () => 1;
const apart = { key: () => undefined, merge: (older: number) => older };
const flaky = (source: Source<number>, options: object) =>
  retry(({ attempt }) => (attempt < 2 ? new ProbeSource<number>().fail(new Error('gone')) : source), options);
const spoken = (source: Source<number>, options: object) => pipe(source, map(String), smooth(options));

const bounded: Record<string, Bounded> = {
  'adaptiveBatch credit': (source, credit, clock) => adaptiveBatch<number>({ credit, clock })(source),
  'adaptiveBatch maxBytes': (source, maxBytes) => adaptiveBatch<number>({ maxBytes, sizeOf })(source),
  'adaptiveBatch maxItems': (source, maxItems) => adaptiveBatch<number>({ maxItems })(source),
  'adaptiveBatch sizeOf': (source, size) => adaptiveBatch<number>({ maxBytes: 2, sizeOf: () => size })(source),
  'batch maxBytes': (source, maxBytes) => batch<number>({ maxBytes, sizeOf })(source),
  'batch maxItems': (source, maxItems) => batch<number>({ maxItems })(source),
  'batch maxMs': (source, maxMs, clock) => batch<number>({ maxMs, clock })(source),
  'batch sizeOf': (source, size) => batch<number>({ maxBytes: 2, sizeOf: () => size })(source),
  'broadcast capacity': (source, capacity) => {
    const { subscribe } = broadcast(source, { capacity });
    const [one, other] = [subscribe(), subscribe()];
    return pipe(merge<unknown>(pipe(one, map(String)), other), filter(Number.isInteger));
  },
  'broadcast from': (source, from) =>
    broadcast(source).subscribe({ from: from === Number.POSITIVE_INFINITY ? 0 : Math.min(from, 0.9) }),
  'broadcast replay': (source, replay) => broadcast(source, { replay }).subscribe(),
  'buffer capacity': (source, capacity) => buffer<number>({ capacity })(source),
  'coalesce capacity': (source, capacity) => coalesce<number>({ ...apart, capacity })(source),
  'heartbeat everyMs': (source, everyMs, clock) => heartbeat<number, number>({ everyMs, value: -1, clock })(source),
  'mapAsync concurrency': (source, concurrency) => mapAsync(async (item: number) => item, { concurrency })(source),
  'mapAsync concurrency, unordered': (source, concurrency) =>
    mapAsync(async (item: number) => item, { concurrency, ordered: false })(source),
  'rateLimit count': (source, count, clock) => rateLimit<number>({ count, perMs: 10, clock })(source),
  'rateLimit perMs': (source, perMs, clock) =>
    rateLimit<number>({ count: perMs === Number.POSITIVE_INFINITY ? perMs : 2, perMs, clock })(source),
  'replayThenTail capacity': (source, capacity) =>
    replayThenTail({ replay: source, tail: [6], position: (item) => item, capacity }),
  'retry baseMs': (source, baseMs, clock) => flaky(source, { baseMs, clock }),
  'retry maxMs': (source, maxMs, clock) => flaky(source, { maxMs, clock }),
  'smooth maxHeld': (source, maxHeld, clock) => spoken(source, { maxHeld, clock }),
  'smooth times': (source, ms, clock) => spoken(source, { maxLagMs: ms, minRate: ms, holdMs: ms, stepMs: ms, clock }),
  'stallWatchdog afterMs': (source, afterMs, clock) =>
    stallWatchdog<number>({ afterMs, onStall: () => {}, clock })(source),
  'tee capacity': (source, capacity) => {
    const [one, other] = tee(source, { capacity });
    return pipe(merge<unknown>(pipe(one, map(String)), other), filter(Number.isInteger));
  },
};

describe.each(Object.entries(bounded))('%s', (_name, stream) => {
  it.each(ODD)('of %s: the stream ends, and every item arrives', async (bound) => {
    for (const chunks of [[ITEMS], ITEMS.map((item) => [item])]) {
      const clock = new VirtualClock();
      let got: unknown[] | undefined;
      void outcome(stream(chunked(chunks), bound, clock)).then((all) => {
        got = all;
      });
      await clock.advance(100_000);
      const isExtra = (item: unknown) => item === -1 || item === 6; // a heartbeat, the tail
      expect(
        got
          ?.flat()
          .filter((item) => !isExtra(item))
          .join(''),
      ).toBe('012345');
    }
  });
});

describe('a bound on a number of items', () => {
  const held = (bound: number) => Math.max(1, Math.floor(bound) || 0);

  it.each(ODD)('of %s is a whole number, at least 1', async (bound) => {
    const sizes = async (stream: Stream<unknown[]>) => (await collect(stream)).map((each) => each.length);
    expect(Math.max(...(await sizes(batch<number>({ maxItems: bound })(ITEMS))))).toBe(Math.min(held(bound), 6));
    expect(Math.max(...(await sizes(adaptiveBatch<number>({ maxItems: bound })(ITEMS))))).toBe(
      Math.min(held(bound), 6),
    );

    let running = 0;
    let most = 0;
    const call = async () => {
      most = Math.max(most, ++running);
      await settle();
      running--;
    };
    await collect(mapAsync(call, { concurrency: bound })(ITEMS));
    expect(most).toBe(Math.min(held(bound), 6));

    const lines = pushable<number>({ capacity: bound, overflow: 'drop-oldest' });
    for (const item of ITEMS) lines.push(item);
    lines.end();
    expect(await collect(lines)).toEqual(ITEMS.slice(-held(bound)));
  });

  it('is what the error says that the reader was behind', async () => {
    const lines = pushable<number>({ capacity: Number.NaN });
    for (const item of ITEMS) lines.push(item);
    expect(await outcome(lines)).toEqual([0, expect.objectContaining({ code: 'stream.overflow', capacity: 1 })]);
  });

  it.each([Number.NaN, 0, -1])('of %s bytes lets one item through at a time', async (maxBytes) => {
    const alone = ITEMS.map((item) => [item]);
    expect(await collect(batch<number>({ maxBytes, sizeOf })(ITEMS))).toEqual(alone);
    expect(await collect(adaptiveBatch<number>({ maxBytes, sizeOf })(ITEMS))).toEqual(alone);
  });
});

describe('a place in a broadcast', () => {
  const missed = (count: number) => [expect.objectContaining({ code: 'stream.lagged', missed: count })];

  /** What a reader gets that comes when all items but the last four have been forgotten. */
  const late = async (from: number) => {
    const shared = broadcast(ITEMS, { replay: 4 });
    await collect(shared.subscribe());
    return outcome(shared.subscribe({ from }));
  };

  it.each([Number.NaN, -1, -4, Number.NEGATIVE_INFINITY, 0.5])('of %s is the first', async (from) => {
    expect(await late(from)).toEqual(missed(2));
    const shared = broadcast(ITEMS, { replay: Number.POSITIVE_INFINITY });
    await collect(shared.subscribe());
    expect(await collect(shared.subscribe({ from }))).toEqual(ITEMS);
  });

  it('is rounded down, and at most the next', async () => {
    expect(await late(3.5)).toEqual([3, 4, 5]);
    expect(await late(Number.POSITIVE_INFINITY)).toEqual([]);
  });

  it.each([
    [Number.NaN, []],
    [-1, []],
    [Number.NEGATIVE_INFINITY, []],
    [0.5, []],
    [1.5, [5]],
    [Number.POSITIVE_INFINITY, ITEMS],
  ])('is none or some back, with a replay of %s', async (replay, expected) => {
    const shared = broadcast(ITEMS, { replay });
    expect(await collect(shared.subscribe())).toEqual(ITEMS);
    expect(await collect(shared.subscribe())).toEqual(expected);
  });
});

describe('a time that is no number', () => {
  const first = async (stream: (source: Source<number>, clock: VirtualClock) => Stream<unknown>) => {
    const clock = new VirtualClock();
    let got: unknown;
    void stream(new ProbeSource<number>().push(7), clock)
      .next()
      .then(({ value }) => {
        got = value;
      });
    await clock.advance(1000);
    return got;
  };

  it('is no wait', async () => {
    const ms = Number.NaN;
    expect(await first((source, clock) => batch<number>({ maxMs: ms, clock })(source))).toEqual([7]);
    expect(await first((source, clock) => throttle<number>({ everyMs: ms, clock })(source))).toBe(7);
    expect(await first((source, clock) => rateLimit<number>({ count: 1, perMs: ms, clock })(source))).toBe(7);
  });

  it('does not keep what a lack of credit holds back for more than `maxDelayMs`', async () => {
    const options = { pressure: () => 1, pollMs: Number.NaN };
    expect(await first((source, clock) => adaptiveBatch<number>({ ...options, clock })(source))).toEqual([7]);
  });

  it('is no limit', async () => {
    for (const limit of ['firstMs', 'idleMs', 'totalMs']) {
      const waits = (source: Source<number>, clock: VirtualClock) =>
        pipe(source, timeout<number>({ [limit]: Number.NaN, clock }), take(1));
      expect(await first(waits)).toBe(7);
    }
  });
});
