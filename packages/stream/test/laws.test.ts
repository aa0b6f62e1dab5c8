/**
 * What operators compute: the same as an array would, for any input and however it is cut into chunks.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  batch,
  collect,
  concat,
  drop,
  filter,
  flatMap,
  forEach,
  from,
  map,
  mapAsync,
  merge,
  pipe,
  race,
  type Source,
  type Stream,
  scan,
  take,
  takeWhile,
  tap,
} from '../src/index.ts';
import { chunked, chunksOfNumbers } from './support/chunked.ts';
import { ProbeSource } from './support/probe-source.ts';
import { settle } from './support/virtual-clock.ts';

const odd = (item: number) => item % 2 !== 0;
const pairs = (items: number[]) =>
  Array.from({ length: Math.ceil(items.length / 2) }, (_, index) => items.slice(2 * index, 2 * index + 2));
const running = (items: number[]) =>
  items.map((_, index) => items.slice(0, index + 1).reduce((sum, item) => sum + item));
const untilLarge = (items: number[]) => {
  const end = items.findIndex((item) => item > 10);
  return end < 0 ? items : items.slice(0, end);
};

type Law = [stream: (source: Source<number>) => Stream<unknown>, array: (items: number[]) => unknown[]];

const laws: Record<string, Law> = {
  map: [map((item, index) => item * 2 + index), (items) => items.map((item, index) => item * 2 + index)],
  'map async': [map(async (item) => item * 2), (items) => items.map((item) => item * 2)],
  'map now and then async': [
    map((item) => (odd(item) ? Promise.resolve(-item) : item)),
    (items) => items.map((item) => (odd(item) ? -item : item)),
  ],
  filter: [filter(odd), (items) => items.filter(odd)],
  'filter async': [filter(async (item: number) => odd(item)), (items) => items.filter(odd)],
  'take 3': [take(3), (items) => items.slice(0, 3)],
  'take 0': [take(0), () => []],
  'drop 3': [drop(3), (items) => items.slice(3)],
  takeWhile: [takeWhile((item) => item <= 10), untilLarge],
  scan: [scan((sum: number, item: number) => sum + item, 0), running],
  tap: [tap(() => {}), (items) => items],
  flatMap: [flatMap((item: number) => [item, -item]), (items) => items.flatMap((item) => [item, -item])],
  'flatMap to nothing': [flatMap(() => []), () => []],
  mapAsync: [mapAsync(async (item: number) => item + 1, { concurrency: 3 }), (items) => items.map((item) => item + 1)],
  concat: [(source) => concat(source, [7], [], [8, 9]), (items) => [...items, 7, 8, 9]],
  'batch 2': [batch({ maxItems: 2 }), pairs],
  'a row of them': [
    (source) =>
      pipe(
        source,
        map((item) => item + 1),
        filter(async (item) => odd(item)),
        drop(1),
        map(async (item) => item * 3),
        take(2),
      ),
    (items) =>
      items
        .map((item) => item + 1)
        .filter(odd)
        .slice(1)
        .map((item) => item * 3)
        .slice(0, 2),
  ],
};

describe('on any input, in any chunks', () => {
  it.each(Object.entries(laws))('%s gives what an array gives', async (_name, [stream, array]) => {
    await fc.assert(
      fc.asyncProperty(chunksOfNumbers, async (chunks) => {
        const expected = array(chunks.flat());
        expect(await collect(stream(chunked(chunks)))).toEqual(expected);
        expect(await collect(stream(chunks.flat()))).toEqual(expected);
        const byItem: unknown[] = [];
        for await (const item of stream(new ProbeSource(chunks.flat()).end())) byItem.push(item);
        expect(byItem).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it.each(Object.entries(laws).filter(([name]) => !/^(take|concat|batch|a row)/.test(name)))(
    '%s delivers what came before an error, then the error',
    async (_name, [stream, array]) => {
      await fc.assert(
        fc.asyncProperty(
          chunksOfNumbers,
          fc.constantFrom(new Error('boom'), undefined, null),
          async (chunks, error) => {
            const source = from(chunked([...chunks, []]));
            const failing = concat(source, new ProbeSource<number>().fail(error));
            const got: unknown[] = [];
            let caught: { error: unknown } | undefined;
            try {
              for await (const item of stream(failing)) got.push(item);
            } catch (thrown) {
              caught = { error: thrown };
            }
            expect(got).toEqual(array(chunks.flat()));
            expect(caught).toEqual({ error });
          },
        ),
        { numRuns: 40 },
      );
    },
  );

  it('an error of a callback follows the items before it, closes the source and waits for its cleanup', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 5 }), fc.boolean(), async (at, isAsync) => {
        let isCleaned = false;
        const source = new ProbeSource([0, 1, 2, 3, 4, 5]);
        source.cleanup = Promise.resolve().then(() => {
          isCleaned = true;
        });
        const got: number[] = [];
        const fn = (item: number) => {
          if (item !== at) return item;
          if (isAsync) return Promise.reject(new Error('fn'));
          throw new Error('fn');
        };
        await expect(
          pipe(
            source,
            map(fn),
            forEach((item) => void got.push(item)),
          ),
        ).rejects.toThrow('fn');
        expect(got).toEqual([0, 1, 2, 3, 4, 5].slice(0, at));
        expect([source.returns, isCleaned]).toEqual([1, true]);
      }),
    );
  });
});

describe('take', () => {
  it.each([0, -1])('reads nothing for a count of %s', async (count) => {
    const source = new ProbeSource([1, 2]);
    expect(await collect(take<number>(count)(source))).toEqual([]);
    expect([source.nexts, source.returns]).toEqual([0, 1]);
  });

  it('closes the source before it hands the last item out, and reads no further', async () => {
    const source = new ProbeSource([1, 2, 3]);
    const stream = pipe(source, take(2));
    await stream.next();
    expect(source.returns).toBe(0);
    expect(await stream.next()).toEqual({ done: false, value: 2 });
    expect([source.returns, source.nexts]).toEqual([1, 2]);
  });

  it('gives an error of the cleanup behind the last item', async () => {
    const source = new ProbeSource([1]);
    source.cleanup = Promise.reject(new Error('cleanup'));
    const stream = pipe(source, take(1));
    expect(await stream.next()).toEqual({ done: false, value: 1 });
    await expect(stream.next()).rejects.toThrow('cleanup');
  });
});

describe('merge', () => {
  it('is an interleaving of its sources, in the order of arrival', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 }),
        async (scheduler, lengths) => {
          const arrived: string[] = [];
          const sources = lengths.map((length, source) => ({
            async *[Symbol.asyncIterator]() {
              for (let index = 0; index < length; index++) {
                await scheduler.schedule(Promise.resolve());
                arrived.push(`${source}.${index}`);
                yield `${source}.${index}`;
              }
            },
          }));
          const got = collect(merge(...sources));
          await scheduler.waitFor(got);
          expect(await got).toEqual(arrived);
        },
      ),
    );
  });

  it.each([2, 10])('is fair to %i sources that are always ready', async (count) => {
    const counts = new Array<number>(count).fill(0);
    const sources = counts.map(async function* (_count, index) {
      for (;;) yield index;
    });
    let items = 0;
    for await (const index of merge(...sources)) {
      counts[index] = (counts[index] ?? 0) + 1;
      if (++items === 10_000) break;
    }
    // Equal shares, but for up to 16 items that a source reads while others already let the event loop run.
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2 * 16);
  });

  it('closes the others when one fails, and fails once', async () => {
    const [a, b, c] = [new ProbeSource([1]), new ProbeSource<number>(), new ProbeSource([2])];
    b.isStuck = true;
    const stream = merge<number>(a, b, c);
    await stream.next();
    await stream.next();
    const next = stream.next();
    a.fail(new Error('a failed'));
    await expect(next).rejects.toThrow('a failed');
    expect([a.returns, b.returns, c.returns]).toEqual([0, 1, 1]);
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  it('of nothing is empty', async () => {
    expect(await collect(merge())).toEqual([]);
  });

  it('does not ask the others again while one has failed and they clean up', async () => {
    const [failing, other] = [new ProbeSource<number>([1]), new ProbeSource<number>([2, 3])];
    let finish = () => {};
    other.cleanup = new Promise((resolve) => {
      finish = resolve;
    });
    const stream = merge<number>(failing, other);
    expect([await stream.next(), await stream.next()].map(({ value }) => value).toSorted()).toEqual([1, 2]);
    failing.fail(new Error('boom'));
    const rest = collect(stream).catch((error) => error.message);
    await settle();
    finish();
    expect(await rest).toBe('boom');
    expect([other.returns, other.nextsAfterEnd]).toEqual([1, 0]);
  });
});

describe('race', () => {
  it('follows the first to answer and closes the others', async () => {
    const [slow, fast] = [new ProbeSource<string>(), new ProbeSource<string>()];
    const got = collect(race(slow, fast));
    await Promise.resolve();
    fast.push('a').push('b').end();
    expect(await got).toEqual(['a', 'b']);
    expect([slow.returns, fast.returns]).toEqual([1, 0]);
  });
});

describe('mapAsync', () => {
  it('keeps the order and the bound, whatever takes how long', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        chunksOfNumbers,
        fc.integer({ min: 1, max: 4 }),
        fc.boolean(),
        async (scheduler, chunks, concurrency, ordered) => {
          let running = 0;
          let most = 0;
          const stream = mapAsync(
            async (item: number) => {
              most = Math.max(most, ++running);
              await scheduler.schedule(Promise.resolve());
              running--;
              return item;
            },
            { concurrency, ordered },
          )(chunked(chunks));
          const got = collect(stream);
          await scheduler.waitFor(got);
          const items = await got;
          expect(most).toBeLessThanOrEqual(concurrency);
          if (ordered) expect(items).toEqual(chunks.flat());
          else expect([...items].sort()).toEqual(chunks.flat().sort());
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each([0, -1, Number.NaN])('calls one at a time where the bound is %s', async (concurrency) => {
    let running = 0;
    const call = async (item: number) => {
      expect(++running).toBe(1);
      await Promise.resolve();
      running--;
      return item;
    };
    expect(await collect(mapAsync(call, { concurrency })(chunked([[1, 2], [3]])))).toEqual([1, 2, 3]);
  });

  it('aborts the other calls on an error and on return()', async () => {
    for (const how of ['error', 'return']) {
      const signals: AbortSignal[] = [];
      let fail = (_error: Error) => {};
      const source = new ProbeSource([0, 1, 2]);
      const stream = mapAsync(
        (item: number, { signal }) => {
          signals.push(signal);
          return new Promise((_resolve, reject) => {
            if (item === 0) fail = reject;
          });
        },
        { concurrency: 3 },
      )(source);
      const next = stream.next();
      await settle();
      if (how === 'error') {
        fail(new Error('first'));
        await expect(next).rejects.toThrow('first');
      } else await stream.return();
      expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true]);
      expect(source.returns).toBe(1);
    }
  });
});

describe('forEach', () => {
  it('holds the source back while its function is busy', async () => {
    const source = new ProbeSource([1, 2, 3]).end();
    let finish = () => {};
    const reading = forEach(() => new Promise<void>((resolve) => (finish = resolve)))(source);
    await settle();
    expect(source.nexts).toBe(1);
    for (let item = 0; item < 3; item++) {
      finish();
      await settle();
    }
    await reading;
  });

  it('survives a million items that are dropped on the way', async () => {
    let count = 0;
    const numbers = function* () {
      for (let index = 0; index < 1e6; index++) yield index;
    };
    await pipe(
      numbers(),
      filter((item) => item === 999_999),
      flatMap((item) => [item]),
      forEach(() => count++),
    );
    expect(count).toBe(1);
  });
});

describe('concat', () => {
  it.each([0, 1])('fails with the error of a source that throws in the call, %i before the last', async (behind) => {
    const boom = new Error('boom');
    const left = new ProbeSource([2]);
    const source = concat(
      (function* () {
        yield 1;
        throw boom;
      })(),
      ...Array.from({ length: behind }, () => left),
    );
    const got: unknown[] = [];
    await expect(forEach((item) => got.push(item))(source)).rejects.toBe(boom);
    expect([got, left.returns]).toEqual([[1], behind]);
  });
});
