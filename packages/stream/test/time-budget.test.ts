/** A replay of many ready items lets timers and clicks run, however it is read. */

import { describe, expect, it } from 'vitest';
import { macrotask } from '../src/engine/macrotask.ts';
import { mustRest } from '../src/engine/time-budget.ts';
import {
  broadcast,
  buffer,
  collect,
  filter,
  forEach,
  map,
  merge,
  pipe,
  pushable,
  replayThenTail,
  type Source,
  take,
  tee,
  toReadableStream,
} from '../src/index.ts';
import { ProbeSource } from './support/probe-source.ts';
import { settle } from './support/virtual-clock.ts';

const COUNT = 200_000;

/** Everything is in the queue before the first read. */
function replay(): Source<number> {
  const source = pushable<number>({ capacity: Number.POSITIVE_INFINITY });
  source.pushMany(Array.from({ length: COUNT }, (_, item) => item));
  source.end();
  return source;
}

/** Takes longer than a slice of time. */
const spendSlice = () => {
  const start = performance.now();
  while (performance.now() - start < 10) {}
};

/** Work that is large enough to notice, small enough for a test. */
const work = (item: number) => {
  let sum = item;
  for (let step = 0; step < 200; step++) sum = (sum * 31 + step) % 65_521;
  return sum >= 0;
};

const readers: Record<string, (source: Source<number>) => Promise<unknown>> = {
  'for await': async (source) => {
    for await (const _ of pipe(source, map(work))) {
    }
  },
  forEach: (source) =>
    pipe(
      source,
      map(work),
      forEach(() => {}),
    ),
  'an array': () =>
    pipe(
      Array.from({ length: COUNT }, (_, item) => item),
      map(work),
      collect,
    ),
  'all dropped': (source) =>
    pipe(
      source,
      filter((item) => work(item) && false),
      take(1),
      collect,
    ),
  buffer: (source) => pipe(source, buffer({ capacity: 1000 }), map(work), collect),
  broadcast: (source) =>
    pipe(
      broadcast(source).subscribe(),
      map(work),
      forEach(() => {}),
    ),
  replayThenTail: (source) =>
    pipe(
      replayThenTail({ replay: source, tail: [], position: (item) => item }),
      map(work),
      forEach(() => {}),
    ),
  'web stream': async (source) => {
    for await (const _ of toReadableStream(pipe(source, map(work)))) {
    }
  },
};

describe('200,000 ready items', () => {
  it.each(Object.entries(readers))('by %s leave turns to the event loop', async (_name, read) => {
    let turns = 0;
    let isOver = false;
    const timer = () => {
      turns++;
      if (!isOver) setTimeout(timer, 0);
    };
    setTimeout(timer, 0);
    await read(replay());
    isOver = true;
    // Far below what the budget allows, so that a slow machine does not matter; without a budget it is 0 or 1.
    expect(turns).toBeGreaterThanOrEqual(2);
  });
});

describe('ready sources whose reader takes its time', () => {
  it.each([2, 10])('%i of them rest together, and get equal shares', async (count) => {
    const reads = new Array<number>(count).fill(0);
    const sources = reads.map(async function* (_reads, index) {
      for (;;) yield index;
    });
    let items = 0;
    let sinceTurn = 0;
    let longest = 0;
    const onTurn = () => {
      sinceTurn = 0;
      if (items < 10_000) macrotask(onTurn);
    };
    macrotask(onTurn);
    for await (const index of merge(...sources)) {
      reads[index] = (reads[index] ?? 0) + 1;
      longest = Math.max(longest, ++sinceTurn);
      // Whenever 256 items have been counted, the slice of time is over.
      if (++items % 200 === 0) spendSlice();
      if (items === 10_000) break;
    }
    expect(Math.min(...reads) / Math.max(...reads)).toBeGreaterThan(0.8);
    // 256 until somebody looks at the clock, then what each source reads until it counts its items.
    expect(longest).toBeLessThan(2 * (256 + count * 16));
  });
});

/** Uses a slice of time up, and all of its items but one: what is handed out next rests before. */
const useUpBudget = async (): Promise<void> => {
  spendSlice();
  await new Promise<void>((resolve) => {
    while (!mustRest(1, resolve)) {}
  });
  spendSlice();
  mustRest(255, () => {});
};

describe('a branch of a tee that has to rest', () => {
  it('lets the other one go on afterwards, without being asked again', async () => {
    const [fast, slow] = tee(new ProbeSource(Array.from({ length: 100 }, (_, item) => item)), { capacity: 10 });
    const got: number[] = [];
    pipe(
      fast,
      forEach((item) => void got.push(item)),
    );
    await settle();
    expect(got.length).toBe(10);
    await useUpBudget();
    await slow.next();
    await settle();
    expect(got.length).toBe(11);
    await fast.return();
    await slow.return();
  });
});
