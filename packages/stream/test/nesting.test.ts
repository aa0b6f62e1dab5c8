/** Operators behind operators by the thousand, as a fold or a recursion makes them. */

import { describe, expect, it } from 'vitest';
import {
  buffer,
  coalesce,
  concat,
  flatMap,
  from,
  latest,
  map,
  mapAsync,
  merge,
  pushable,
  type Source,
  type Stream,
  take,
  tap,
  tee,
} from '../src/index.ts';
import { outcome } from './support/outcome.ts';
import { ProbeSource, stateOf } from './support/probe-source.ts';
import { settle } from './support/virtual-clock.ts';

type Level = (source: Source<number>) => Stream<number>;

const DEPTH = 3000;
const nest = (source: Source<number>, level: Level): Stream<number> => {
  let stream = from(source);
  for (let count = 0; count < DEPTH; count++) stream = level(stream);
  return stream;
};

const levels: Record<string, Level> = {
  buffer: buffer(),
  'buffer and map': (source) => map((item: number) => item)(buffer<number>()(source)),
  coalesce: coalesce({ key: () => undefined, merge: (older: number) => older }),
  flatMap: flatMap((item) => [item]),
  'latest, inside': (source) => latest(() => source)([0]),
  mapAsync: mapAsync((item: number) => item, { concurrency: 2 }),
  take: take(9),
};

describe.each(Object.entries(levels))('3,000 times %s', (_name, level) => {
  it('gives every item, then the error', async () => {
    const boom = new Error('boom');
    const source = [1, 2, 3].values();
    const breaking = map((item: number) => item)(concat(source, new ProbeSource<number>().fail(boom)));
    expect(await outcome(nest(breaking, level))).toEqual([1, 2, 3, boom]);
  });

  it('gives what comes later, and closes the source while it waits', async () => {
    const source = new ProbeSource<number>();
    const stream = nest(source, level);
    for (const item of [1, 2, 3]) {
      const next = stream.next();
      await settle();
      source.push(item);
      expect(await next).toEqual({ done: false, value: item });
    }
    const waiting = stream.next();
    await settle();
    await stream.return();
    expect(await stateOf(waiting)).toEqual({ state: 'fulfilled', value: { done: true, value: undefined } });
    expect(source.returns).toBe(1);
  });
});

describe('pages that each open the next', () => {
  /** Page `number` and all that follow. */
  const pagesFrom = (number: number, items: number): Stream<number> =>
    flatMap((size: number) => {
      const page = Array.from({ length: size }, () => number);
      return number < DEPTH ? concat(page, pagesFrom(number + 1, items)) : page;
    })([items]);

  it('come to their end, though they hold nothing', async () => {
    expect(await outcome(pagesFrom(0, 0))).toEqual([]);
  });

  it('can be left in the middle', async () => {
    let count = 0;
    for await (const _ of pagesFrom(0, 1)) if (++count === 1500) break;
    expect(count).toBe(1500);
  });
});

it('a push from deep inside a nest reaches its reader', async () => {
  const copies = pushable<number>();
  const copied = copies.next();
  let stream = from<number>([7]);
  for (let count = 0; count < 150; count++) stream = buffer<number>()(stream);
  stream = tap((item: number) => copies.push(item))(stream);
  for (let count = 0; count < 150; count++) stream = buffer<number>()(stream);
  expect(await outcome(stream)).toEqual([7]);
  expect(await copied).toEqual({ done: false, value: 7 });
});

const unaided: Record<string, Level> = {
  concat: (source) => concat(source),
  merge: (source) => merge(source),
  tee: (source) => tee(source)[0],
};

// How deep a stack may grow differs from engine to engine.
it.each(Object.entries(unaided))('20,000 times %s gives its item or an error', async (_name, level) => {
  let stream = from<number>([1]);
  for (let count = 0; count < 20_000; count++) stream = level(stream);
  expect(await outcome(stream)).toEqual([expect.toSatisfy((got) => got === 1 || got instanceof Error)]);
});
