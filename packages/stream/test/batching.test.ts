/**
 * `batch`, `adaptiveBatch`, `coalesce` and `buffer`: nothing is lost, limits hold, and the reader's pace decides.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  adaptiveBatch,
  batch,
  buffer,
  coalesce,
  collect,
  forEach,
  map,
  OverflowError,
  pipe,
  pushable,
} from '../src/index.ts';
import { chunked, chunksOfNumbers } from './support/chunked.ts';
import { ProbeSource } from './support/probe-source.ts';
import { settle, VirtualClock } from './support/virtual-clock.ts';

describe('batch', () => {
  it('loses nothing, and fills each batch up to its limits', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.string({ maxLength: 9 }), { maxLength: 6 }), { maxLength: 8 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 12 }),
        async (chunks, maxItems, maxBytes) => {
          const bytes = (texts: string[]) => new TextEncoder().encode(texts.join('')).length;
          const full: string[][] = [];
          for (const text of chunks.flat()) {
            const last = full.at(-1);
            if (
              last === undefined ||
              last.length === maxItems ||
              bytes([...last, text]) > maxBytes ||
              bytes(last) === maxBytes
            )
              full.push([text]);
            else last.push(text);
          }
          expect(await collect(pipe(chunked(chunks), batch({ maxItems, maxBytes })))).toEqual(full);
        },
      ),
    );
  });

  it('lets a partial batch out after maxMs, counted from its first item', async () => {
    const clock = new VirtualClock();
    const source = new ProbeSource<number>();
    const stream = pipe(source, batch({ maxItems: 10, maxMs: 50, clock }));
    const next = stream.next();
    await clock.advance(500);
    expect(clock.pending).toBe(0);
    source.push(1);
    await clock.advance(30);
    source.push(2);
    await clock.advance(19);
    const got: unknown[] = [];
    next.then(({ value }) => got.push(value));
    await settle();
    expect(got).toEqual([]);
    await clock.advance(1);
    expect(got).toEqual([[1, 2]]);
    await stream.return();
    expect(clock.pending).toBe(0);
  });

  it.each([Number.POSITIVE_INFINITY, 50])('reads a batch ahead, for the clock alone (maxMs %s)', async (maxMs) => {
    const aPace = fc.array(fc.nat(60), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(
        aPace,
        fc.oneof(fc.constant([]), fc.array(fc.nat(400), { maxLength: 30 })),
        fc.integer({ min: 1, max: 5 }),
        async (arrivals, pauses, maxItems) => {
          const clock = new VirtualClock();
          const source = new ProbeSource<number>();
          const got: number[] = [];
          const late: number[] = [];
          let isBusy = false;
          let reads = 0;
          const reading = (async () => {
            for await (const times of pipe(source, batch<number>({ maxItems, maxMs, clock }))) {
              expect(times.length).toBeLessThanOrEqual(maxItems);
              got.push(...times);
              if (pauses.length === 0) late.push(clock.now() - (times[0] as number) - maxMs);
              const ms = pauses[reads++] ?? 0;
              if (ms > 0) {
                isBusy = true;
                await new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
                isBusy = false;
              }
            }
          })();
          for (const ms of arrivals) {
            source.push(clock.now());
            await clock.advance(ms);
            if (isBusy) expect(source.nexts - got.length).toBeLessThanOrEqual(maxMs === 50 ? maxItems + 1 : 0);
            else if (maxMs === 50) expect(source.inFlight).toBe(1);
          }
          source.end();
          await clock.advance(10_000);
          await reading;
          expect(got.length).toBe(arrivals.length);
          expect(got).toEqual(got.toSorted((a, b) => a - b));
          expect(Math.max(0, ...late)).toBe(0);
          expect(clock.pending).toBe(0);
        },
      ),
    );
  });

  it.each(['return', 'end'] as const)('leaves no timer behind at %s, and passes nothing on after it', async (how) => {
    const clock = new VirtualClock();
    const source = new ProbeSource([1, 2, 3]);
    const got: number[][] = [];
    const stream = pipe(
      source,
      batch({ maxItems: 2, maxMs: 50, clock }),
      map((items) => got.push(items)),
    );
    await stream.next();
    const next = stream.next();
    await settle();
    expect(clock.pending).toBe(1);
    if (how === 'return') await stream.return();
    else source.end();
    await next;
    expect(got).toEqual(how === 'return' ? [[1, 2]] : [[1, 2], [3]]);
    expect(clock.pending).toBe(0);
  });

  it('leaves no timer behind for what has come while a batch waits to be read', async () => {
    const clock = new VirtualClock();
    const source = new ProbeSource([1, 2, 3]);
    const stream = pipe(source, batch({ maxItems: 2, maxMs: 50, clock }));
    await stream.next();
    await clock.advance(50);
    source.push(4);
    await settle();
    expect(clock.pending).toBe(1);
    await stream.return();
    expect(clock.pending).toBe(0);
  });

  it('gives nothing more once `sizeOf` has closed it', async () => {
    const sizeOf = (item: number): number => {
      if (item === 2) void stream.return();
      return 1;
    };
    const got: number[][] = [];
    const clock = new VirtualClock();
    const stream = batch<number>({ maxBytes: 9, maxMs: 50, sizeOf, clock })(new ProbeSource([1, 2, 3]));
    await forEach((items: number[]) => got.push(items))(stream);
    expect(got).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('gives what it holds before an error', async () => {
    const stream = pipe(new ProbeSource([1, 2, 3]).fail(new Error('boom')), batch({ maxItems: 2 }));
    expect((await stream.next()).value).toEqual([1, 2]);
    expect((await stream.next()).value).toEqual([3]);
    await expect(stream.next()).rejects.toThrow('boom');
  });

  it('takes all of a chunk in before it asks on, though the reader does at once', async () => {
    const source = map((item: number) => {
      if (item === 7) throw new Error('seven');
      return item;
    })(chunked([[1, 2, 3, 4, 5, 7]]));
    const got: unknown[] = [];
    const reading = forEach((items: unknown[]) => got.push(items))(batch<number>({ maxItems: 2 })(source));
    await expect(reading).rejects.toThrow('seven');
    expect(got).toEqual([[1, 2], [3, 4], [5]]);
  });

  it('gives what it holds before an error of its own', async () => {
    const got: unknown[] = [];
    const stream = batch<unknown>({ maxBytes: 10 })(['a', 'b', 3, 'd']);
    await expect(forEach((items: unknown[]) => got.push(items))(stream)).rejects.toThrow('sizeOf');
    expect(got).toEqual([['a', 'b']]);
  });

  it('fails when a size cannot be known', async () => {
    const source = new ProbeSource([{}]);
    await expect(collect(pipe(source, batch({ maxBytes: 10 })))).rejects.toThrow('sizeOf');
    expect(source.returns).toBe(1);
  });
});

describe('adaptiveBatch', () => {
  it('gives each burst as one batch, at once', async () => {
    const clock = new VirtualClock();
    const source = pushable<number>();
    const stream = pipe(source, adaptiveBatch({ clock }));
    for (let round = 0; round < 3; round++) {
      const next = stream.next();
      await settle();
      for (const item of [1, 2, 3]) source.push(item);
      expect((await next).value).toEqual([1, 2, 3]);
      await settle();
    }
    expect(clock.now()).toBe(0);
    await stream.return();
  });

  it('collects while the reader is busy, up to its limits, and loses nothing', async () => {
    await fc.assert(
      fc.asyncProperty(
        chunksOfNumbers,
        fc.integer({ min: 1, max: 7 }),
        fc.array(fc.nat(4)),
        async (chunks, maxItems, pauses) => {
          const stream = pipe(chunked(chunks), adaptiveBatch({ maxItems }));
          const got: number[][] = [];
          for await (const items of stream) {
            got.push(items);
            for (let tick = pauses.shift() ?? 0; tick > 0; tick--) await Promise.resolve();
          }
          expect(got.flat()).toEqual(chunks.flat());
          for (const items of got) expect(items.length).toBeLessThanOrEqual(maxItems);
        },
      ),
    );
  });

  it('keeps to maxBytes, but for a single larger item', async () => {
    const source = pushable<string>();
    const stream = pipe(source, adaptiveBatch({ maxBytes: 4 }));
    const first = stream.next();
    source.pushMany(['ab', 'cd', 'efghij', 'k']);
    source.end();
    expect((await first).value).toEqual(['ab', 'cd']);
    expect(await collect(stream)).toEqual([['efghij'], ['k']]);
  });

  it('holds while the transport reports pressure, for at most maxDelayMs', async () => {
    const clock = new VirtualClock();
    const source = pushable<number>();
    let pressure = 1;
    const stream = pipe(source, adaptiveBatch({ pressure: () => pressure, maxDelayMs: 100, clock }));
    const got: { at: number; items: number[] }[] = [];
    const reading = (async () => {
      for await (const items of stream) got.push({ at: clock.now(), items });
    })();
    await settle();
    source.push(1);
    await clock.advance(20);
    source.push(2);
    expect(got).toEqual([]);
    pressure = 0;
    await clock.advance(4);
    expect(got).toEqual([{ at: 20, items: [1, 2] }]);
    pressure = 1;
    source.push(3);
    await clock.advance(200);
    expect(got[1]).toEqual({ at: 124, items: [3] });
    source.push(4);
    source.end();
    await reading;
    expect(got[2]?.items).toEqual([4]);
    expect(clock.pending).toBe(0);
  });

  it('polls the pressure while it holds items, and gives the next burst as one batch again', async () => {
    const clock = new VirtualClock();
    const source = pushable<number>();
    let pressure = 1;
    const stream = pipe(source, adaptiveBatch({ pressure: () => pressure, pollMs: 4, maxDelayMs: 100, clock }));
    const got: { at: number; items: number[] }[] = [];
    const reading = (async () => {
      for await (const items of stream) got.push({ at: clock.now(), items });
    })();
    await settle();
    source.push(1);
    await clock.advance(21);
    pressure = 0;
    await clock.advance(2);
    source.push(2); // before the next poll, which is then not due any more
    await clock.advance(20);
    for (const item of [3, 4, 5]) source.push(item);
    await settle();
    pressure = 1;
    source.push(6);
    await clock.advance(5);
    pressure = 0;
    await clock.advance(30);
    source.end();
    await reading;
    expect(got).toEqual([
      { at: 23, items: [1, 2] },
      { at: 43, items: [3, 4, 5] },
      { at: 51, items: [6] },
    ]);
  });

  it('holds each further batch for maxDelayMs, too', async () => {
    const clock = new VirtualClock();
    const source = pushable<string>();
    const stream = pipe(source, adaptiveBatch({ pressure: () => 1, maxBytes: 4, maxDelayMs: 100, clock }));
    const got: { at: number; items: string[] }[] = [];
    const reading = (async () => {
      for await (const items of stream) got.push({ at: clock.now(), items });
    })();
    await settle();
    for (const item of ['abc', 'def', 'ghi']) source.push(item);
    await clock.advance(1_000);
    expect(got).toEqual([
      { at: 100, items: ['abc'] },
      { at: 200, items: ['def'] },
      { at: 300, items: ['ghi'] },
    ]);
    await stream.return();
    await reading;
  });

  it('reads ahead until it holds maxItems or maxBytes, and no further', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 20, maxLength: 40 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 12 }),
        async (sizes, maxItems, maxBytes) => {
          const source = new ProbeSource(sizes);
          const stream = pipe(source, adaptiveBatch<number>({ maxItems, maxBytes, sizeOf: (size) => size }));
          let read = 0;
          for (let round = 0; round < 4; round++) {
            read += (await stream.next()).value?.length ?? 0;
            await settle();
            if (source.inFlight > 0) break;
            const held = sizes.slice(read, source.nexts);
            const isFull = (count: number) =>
              count >= maxItems || held.slice(0, count).reduce((sum, size) => sum + size, 0) >= maxBytes;
            expect([isFull(held.length), isFull(held.length - 1)]).toEqual([true, false]);
          }
          await stream.return();
        },
      ),
    );
  });

  it('holds until its batches are acknowledged', async () => {
    const clock = new VirtualClock();
    const source = pushable<number>();
    const adaptive = adaptiveBatch<number>({ acks: true, credit: 2, maxDelayMs: 1e6, clock });
    const stream = adaptive(source);
    const got: number[][] = [];
    const reading = (async () => {
      for await (const items of stream) got.push(items);
    })();
    for (const item of [1, 2, 3, 4]) {
      await settle();
      source.push(item);
    }
    await settle();
    expect(got).toEqual([[1], [2]]);
    adaptive.ack();
    await settle();
    expect(got).toEqual([[1], [2], [3, 4]]);
    source.end();
    await reading;
    expect(clock.pending).toBe(0);
  });

  /** Plays arrivals to a reader that needs `readMs` per batch; the delay that batching adds to each item. */
  async function play(arrivals: number[], readMs: number): Promise<{ batches: number; waits: number[] }> {
    const clock = new VirtualClock();
    const source = pushable<number>({ capacity: Number.POSITIVE_INFINITY });
    let freeSince = 0;
    let batches = 0;
    const waits: number[] = [];
    const reading = (async () => {
      for await (const times of pipe(source, adaptiveBatch<number>({ clock }))) {
        batches++;
        // An item cannot be read before the reader is free; what comes on top of that was added.
        for (const time of times) waits.push(clock.now() - Math.max(time, freeSince));
        await new Promise<void>((resolve) => clock.setTimeout(resolve, readMs));
        freeSince = clock.now();
      }
    })();
    await settle();
    for (const time of arrivals) {
      if (time > clock.now()) await clock.advance(time - clock.now());
      source.push(time);
    }
    source.end();
    await clock.advance(10_000);
    await reading;
    return { batches, waits: waits.sort((a, b) => a - b) };
  }

  it('at 30 items a second: one item a batch, no delay', async () => {
    const arrivals = Array.from({ length: 90 }, (_, index) => (index * 1000) / 30);
    const { batches, waits } = await play(arrivals, 5);
    expect(batches).toBe(90);
    expect(waits.at(-1)).toBe(0);
  });

  it('at 2,000 items a second to a slow reader: at least 70 % fewer batches, p95 of the added delay at most 16 ms', async () => {
    const arrivals = Array.from({ length: 2000 }, (_, index) => index / 2);
    const { batches, waits } = await play(arrivals, 12);
    expect(batches).toBeLessThanOrEqual(600);
    expect(waits[Math.floor(waits.length * 0.95)]).toBeLessThanOrEqual(16);
  });
});

describe('coalesce', () => {
  const delta = fc.record({ part: fc.constantFrom('a', 'b', undefined), text: fc.string({ maxLength: 3 }) });
  type Delta = { part: string | undefined; text: string };
  const merge = (older: Delta, newer: Delta) => ({ ...older, text: older.text + newer.text });
  const key = (item: Delta) => item.part;

  it('changes neither the text of a part nor the order of the parts', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(delta, { maxLength: 5 }), { maxLength: 6 }),
        fc.array(fc.nat(6)),
        async (chunks, pauses) => {
          const got: Delta[] = [];
          for await (const item of pipe(chunked(chunks), coalesce({ key, merge, capacity: 4 }))) {
            got.push(item);
            for (let tick = pauses.shift() ?? 0; tick > 0; tick--) await Promise.resolve();
          }
          // Merging whatever can be merged on both sides makes them equal.
          const normal = (items: Delta[]) => {
            const merged: Delta[] = [];
            for (const item of items) {
              const last = merged.at(-1);
              if (last?.part === undefined || last.part !== item.part) merged.push(item);
              else merged[merged.length - 1] = merge(last, item);
            }
            return merged;
          };
          expect(normal(got)).toEqual(normal(chunks.flat()));
        },
      ),
    );
  });

  it('passes single items to a reader that keeps up, and merges for one that does not', async () => {
    const source = pushable<Delta>();
    const stream = pipe(source, coalesce({ key, merge }));
    const first = stream.next();
    source.push({ part: 'a', text: '1' });
    expect((await first).value).toEqual({ part: 'a', text: '1' });
    for (const text of '234') source.push({ part: 'a', text });
    source.push({ part: 'b', text: 'x' });
    expect((await stream.next()).value).toEqual({ part: 'a', text: '234' });
    expect((await stream.next()).value).toEqual({ part: 'b', text: 'x' });
    await stream.return();
  });
});

describe('buffer', () => {
  it('reads exactly its capacity ahead', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 30 }), async (capacity, reads) => {
        const source = new ProbeSource(Array.from({ length: 100 }, (_, index) => index));
        const stream = pipe(source, buffer({ capacity }));
        for (let index = 0; index < reads; index++) {
          expect((await stream.next()).value).toBe(index);
          await settle();
          expect(source.nexts - (index + 1)).toBeLessThanOrEqual(capacity);
        }
        await stream.return();
      }),
    );
  });

  it.each(['drop-oldest', 'drop-newest'] as const)(
    '%s: what is delivered and what is missed add up',
    async (overflow) => {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 5 }),
          fc.array(fc.oneof(fc.constant('push' as const), fc.constant('read' as const)), { maxLength: 60 }),
          async (capacity, steps) => {
            const source = pushable<number>();
            const stream = pipe(source, buffer({ capacity, overflow, lagged: (missed) => ({ missed }) }));
            const got: (number | { missed: number })[] = [];
            const read = async () => {
              const result = await stream.next();
              if (!result.done) got.push(result.value);
              return result.done;
            };
            let pushed = 0;
            for (const step of steps) {
              if (step === 'push') source.push(pushed++);
              else void read(); // answered now or later, in order
              await settle();
            }
            source.end();
            while (!(await read())) {}
            // Walking the output, every number is the one expected next, and every gap has the size it says.
            let expected = 0;
            for (const item of got) {
              if (typeof item === 'object') expected += item.missed;
              else expect(item).toBe(expected++);
            }
            expect(expected).toBe(pushed);
          },
        ),
      );
    },
  );

  it('error: fails behind what is buffered', async () => {
    const source = pushable<number>();
    const stream = pipe(source, buffer({ capacity: 2, overflow: 'error' }));
    const first = stream.next();
    for (let item = 0; item < 4; item++) source.push(item);
    expect((await first).value).toBe(0);
    expect((await stream.next()).value).toBe(1);
    expect((await stream.next()).value).toBe(2);
    await expect(stream.next()).rejects.toBeInstanceOf(OverflowError);
    expect(source.isOver).toBe(true);
  });

  it('coalesce: merges into the newest', async () => {
    const source = pushable<string>();
    const stream = pipe(source, buffer({ capacity: 2, overflow: 'coalesce', merge: (a, b) => a + b }));
    const first = stream.next();
    for (const item of 'abcdef') source.push(item);
    source.end();
    expect((await first).value).toBe('a');
    expect(await collect(stream)).toEqual(['b', 'cdef']);
  });
});
