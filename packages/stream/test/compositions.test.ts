/**
 * Any operators in a row, over any kind of source, read in any way: what comes out is what a list with an error at its
 * end would give, and no source stays open.
 */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  abortable,
  adaptiveBatch,
  batch,
  broadcast,
  buffer,
  CHUNKS,
  coalesce,
  concat,
  drop,
  filter,
  flatMap,
  forEach,
  from,
  heartbeat,
  latest,
  map,
  mapAsync,
  merge,
  type Operator,
  race,
  rateLimit,
  retry,
  type Source,
  type Stream,
  scan,
  take,
  takeWhile,
  tee,
  timeout,
  toReadableStream,
} from '../src/index.ts';
import { settle } from './support/virtual-clock.ts';

/** Items that are easily taken for something else. */
const NOT_THENABLE = Object.fromEntries([['then', 1]]);
const ODD_ITEMS = [undefined, null, Number.NaN, 0, '', false, Symbol.iterator, () => 0, NOT_THENABLE, [], [1, 2]];
const boom = new Error('boom');

/** What a stream is to give: its items, then the error, if there is one. */
interface Script {
  readonly items: readonly unknown[];
  readonly breaks: boolean;
}

const item = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom(...ODD_ITEMS));
const script: fc.Arbitrary<Script> = fc.record({ items: fc.array(item, { maxLength: 9 }), breaks: fc.boolean() });

/** Counts what is open. */
class Ledger {
  opened = 0;
  closed = 0;

  *run<T>(inner: Iterable<T>): Generator<T> {
    this.opened++;
    try {
      yield* inner;
    } finally {
      this.closed++;
    }
  }
}

function* playing({ items, breaks }: Script): Generator<unknown> {
  yield* items;
  if (breaks) throw boom;
}

type Kind = (script: Script, ledger: Ledger) => Source<unknown>;

const kinds: Record<string, Kind> = {
  generator: (played, ledger) => ledger.run(playing(played)),
  'generator of promises': (played, ledger) =>
    ledger.run(eachOf(playing(played), (value, index) => (index % 2 === 0 ? Promise.resolve(value) : value))),
  'async generator': async function* (played, ledger) {
    for (const value of ledger.run(playing(played))) yield value;
  },
  'now and then late': async function* (played, ledger) {
    let index = 0;
    for (const value of ledger.run(playing(played))) {
      if (index++ % 3 === 1) await settle();
      yield value;
    }
  },
  'web stream': (played, ledger) => toReadableStream(ledger.run(playing(played))),
  'stream of ours': (played, ledger) => from(ledger.run(playing(played))),
  chunks: (played, ledger) => ({
    [Symbol.asyncIterator]: () => fail(),
    async *[CHUNKS]() {
      for (const value of ledger.run(playing({ ...played, items: cut(played.items) }))) yield value as unknown[];
    },
  }),
};

const fail = (): never => {
  throw boom;
};
const cut = (items: readonly unknown[]): unknown[][] =>
  Array.from({ length: Math.ceil(items.length / 3) + 1 }, (_, index) => items.slice(3 * index, 3 * index + 3));
function* eachOf(items: Iterable<unknown>, fn: (value: unknown, index: number) => unknown): Generator<unknown> {
  let index = 0;
  for (const value of items) yield fn(value, index++);
}

/** An operator, and what it does to a script. */
type Piece = readonly [name: string, operator: () => Operator<unknown, unknown>, model: (script: Script) => Script];

const on = (change: (items: readonly unknown[]) => readonly unknown[]) => (played: Script) => ({
  ...played,
  items: change(played.items),
});
const same = (played: Script) => played;
const isSeven = (value: unknown) => value === 7;
const flat = (value: unknown) => value as unknown[];

const pieces: readonly Piece[] = [
  ['map', () => map((value) => value), same],
  ['map late', () => map(async (value) => value), same],
  ['map now and then late', () => map((value) => (typeof value === 'number' ? Promise.resolve(value) : value)), same],
  ['map that throws', () => map((value) => (isSeven(value) ? fail() : value)), throwAtSeven],
  ['map that rejects', () => map(async (value) => (isSeven(value) ? fail() : value)), throwAtSeven],
  [
    'mapAsync that rejects',
    () => mapAsync(async (value) => (isSeven(value) ? fail() : value), { concurrency: 2 }),
    throwAtSeven,
  ],
  ['filter', () => filter((value) => !isSeven(value)), on((items) => items.filter((value) => !isSeven(value)))],
  [
    'filter late',
    () => filter(async (value) => !isSeven(value)),
    on((items) => items.filter((value) => !isSeven(value))),
  ],
  ['drop', () => drop(2), on((items) => items.slice(2))],
  ['take', () => take(3), ({ items, breaks }) => ({ items: items.slice(0, 3), breaks: breaks && items.length < 3 })],
  [
    'takeWhile',
    () => takeWhile((value) => !isSeven(value)),
    (played) => ({ ...throwAtSeven(played), breaks: played.breaks && !played.items.some(isSeven) }),
  ],
  ['scan', () => scan((_before, value) => value, undefined as unknown), same],
  ['flatMap', () => flatMap((value) => [value, 5]), on((items) => items.flatMap((value) => [[value], [5]].flat()))],
  ['flatMap late', () => flatMap(async (value) => from([value])), same],
  ['batch', () => (source) => flatMap(flat)(batch<unknown>({ maxItems: 2 })(source)), same],
  ['adaptiveBatch', () => (source) => flatMap(flat)(adaptiveBatch<unknown>()(source)), same],
  ['buffer', () => buffer({ capacity: 2 }), same],
  ['coalesce', () => coalesce<unknown>({ key: () => undefined, merge: fail }), same],
  ['rateLimit', () => rateLimit({ count: 1e9, perMs: 1 }), same],
  ['timeout', () => timeout({ totalMs: 1e9 }), same],
  ['heartbeat', () => heartbeat<unknown>({ everyMs: 1e9, value: 0 }), same],
  ['abortable', () => abortable(new AbortController().signal), same],
  ['merge', () => (source) => merge(source, []), same],
  [
    'concat',
    () => (source) => concat(source, [5]),
    ({ items, breaks }) => ({ items: breaks ? items : [...items, 5], breaks }),
  ],
  ['race', () => (source) => race(source), same],
  [
    'tee',
    () => (source) => {
      const [left, right] = tee(source);
      right.return();
      return left;
    },
    same,
  ],
  ['broadcast', () => (source) => broadcast(source).subscribe(), same],
  ['retry', () => (source) => retry(() => source, { retries: 0 }), same],
  ['latest', () => (source) => latest(() => source)([0]), same],
  ['web stream', () => (source) => from(toReadableStream(source)), same],
];

function throwAtSeven({ items, breaks }: Script): Script {
  const place = items.findIndex(isSeven);
  return place < 0 ? { items, breaks } : { items: items.slice(0, place), breaks: true };
}

type Read = (stream: Stream<unknown>, got: unknown[]) => Promise<unknown>;

const reads: Record<string, Read> = {
  'for await': async (stream, got) => {
    for await (const value of stream) got.push(value);
  },
  forEach: (stream, got) => forEach((value) => got.push(value))(stream),
  'forEach, late': (stream, got) =>
    forEach(async (value) => {
      await settle();
      got.push(value);
    })(stream),
  'by chunks': async (stream, got) => {
    const chunks = (stream as unknown as { [CHUNKS](): AsyncIterable<unknown[]> })[CHUNKS]();
    for await (const chunk of chunks) got.push(...chunk);
  },
  'two calls of next() at a time': async (stream, got) => {
    for (let isOver = false; !isOver; ) {
      const both = await Promise.allSettled([stream.next(), stream.next()]);
      for (const each of both) {
        if (each.status === 'rejected') throw each.reason;
        if (each.value.done) isOver = true;
        else got.push(each.value.value);
      }
    }
  },
};

const row = fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 3 });
const build = (source: Source<unknown>, operators: readonly Piece[]): Stream<unknown> =>
  operators.reduce((stream, [, operator]) => operator()(stream), from(source));

it('gives what a list would give, and closes the source', async () => {
  await fc.assert(
    fc.asyncProperty(
      script,
      fc.constantFrom(...Object.keys(kinds)),
      row,
      fc.constantFrom(...Object.keys(reads)),
      async (played, kind, operators, read) => {
        const ledger = new Ledger();
        const stream = build((kinds[kind] as Kind)(played, ledger), operators);
        const expected = operators.reduce((soFar, [, , model]) => model(soFar), played);
        const got: unknown[] = [];
        const ending = await (reads[read] as Read)(stream, got).then(
          () => undefined,
          (error) => ({ error }),
        );
        expect({ got, ending }).toEqual({
          got: [...expected.items],
          ending: expected.breaks ? { error: boom } : undefined,
        });
        await settle();
        expect(ledger.closed).toBe(ledger.opened);
      },
    ),
    { numRuns: 800 },
  );
});

it('gives the beginning of it to a reader that leaves, from wherever it leaves, and closes the source', async () => {
  await fc.assert(
    fc.asyncProperty(
      script,
      fc.constantFrom(...Object.keys(kinds)),
      row,
      fc.nat(4),
      fc.constantFrom('between', 'while waiting', 'from inside'),
      async (played, kind, operators, count, when) => {
        const ledger = new Ledger();
        let seen = 0;
        const closing = map((value: unknown) => {
          if (when === 'from inside' && seen++ === count) void stream.return();
          return value;
        });
        const stream: Stream<unknown> = build(closing((kinds[kind] as Kind)(played, ledger)), operators);
        const expected = operators.reduce((soFar, [, , model]) => model(soFar), played);
        const got: unknown[] = [];
        for (let left = count; left > 0; left--) {
          const result = await stream.next().catch(() => ({ done: true, value: undefined }));
          if (!result.done) got.push(result.value);
        }
        const waiting = when === 'while waiting' ? stream.next().catch(() => {}) : undefined;
        await stream.return();
        await waiting;
        expect(got).toEqual(expected.items.slice(0, got.length));
        if (when !== 'from inside') expect(got.length).toBe(Math.min(count, expected.items.length));
        await settle();
        await settle();
        expect(ledger.closed).toBe(ledger.opened);
        expect(await stream.next()).toEqual({ done: true, value: undefined });
      },
    ),
    { numRuns: 500 },
  );
});
