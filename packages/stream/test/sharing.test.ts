/** One source for many readers: `tee`, `broadcast`, `replayThenTail`. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asyncDispose } from '../src/engine/outlet.ts';
import { broadcast, collect, forEach, LaggedError, pipe, pushable, replayThenTail, tee } from '../src/index.ts';
import { chunked, chunksOfNumbers } from './support/chunked.ts';
import { ProbeSource, stateOf } from './support/probe-source.ts';
import { settle } from './support/virtual-clock.ts';

describe('tee', () => {
  it('gives everything to both, in any interleaving', async () => {
    await fc.assert(
      fc.asyncProperty(chunksOfNumbers, fc.array(fc.nat(5)), async (chunks, pauses) => {
        const [left, right] = tee(chunked(chunks), { capacity: 3 });
        const read = async (stream: AsyncIterable<number>, offset: number) => {
          const got: number[] = [];
          for await (const item of stream) {
            got.push(item);
            for (let tick = pauses[(got.length + offset) % (pauses.length || 1)] ?? 0; tick > 0; tick--)
              await Promise.resolve();
          }
          return got;
        };
        expect(await Promise.all([read(left, 0), read(right, 3)])).toEqual([chunks.flat(), chunks.flat()]);
      }),
    );
  });

  it('keeps a branch that runs ahead within its capacity', async () => {
    const source = new ProbeSource(Array.from({ length: 100 }, (_, item) => item));
    const [fast, slow] = tee(source, { capacity: 10 });
    const got: number[] = [];
    pipe(
      fast,
      forEach((item) => void got.push(item)),
    );
    await settle();
    expect(got.length).toBe(10);
    await slow.next();
    await settle();
    expect(got.length).toBe(11);
    await slow.return();
    await settle();
    expect(got.length).toBe(100);
    await fast.return();
    expect(source.returns).toBe(1);
  });

  it('gives an error to both, behind the items', async () => {
    const [left, right] = tee(new ProbeSource([1]).fail(new Error('boom')));
    for (const branch of [left, right]) {
      expect((await branch.next()).value).toBe(1);
      await expect(branch.next()).rejects.toThrow('boom');
    }
  });
});

describe('broadcast', () => {
  it('gives each reader a contiguous run of items, or says how many it missed', async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.constant({ kind: 'push' as const }) },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant('join' as const),
          slow: fc.constantFrom('skip' as const, 'disconnect' as const, undefined),
        }),
      },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('read' as const), reader: fc.nat(5) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), async (steps, capacity) => {
        const source = pushable<number>();
        const hub = broadcast(source, { capacity, source: 'detached', slow: 'disconnect' });
        const readers: { at: number; stream: AsyncIterator<number | { missed: number }>; isOver: boolean }[] = [];
        let pushed = 0;
        const read = async (reader: (typeof readers)[number]) => {
          try {
            const result = await reader.stream.next();
            if (result.done) reader.isOver = true;
            else if (typeof result.value === 'object') reader.at += result.value.missed;
            else expect(result.value).toBe(reader.at++);
          } catch (error) {
            expect(error).toBeInstanceOf(LaggedError);
            reader.isOver = true;
          }
        };
        for (const { kind, ...rest } of steps) {
          if (kind === 'push') source.push(pushed++);
          else if (kind === 'join') {
            const { slow } = rest as { slow: 'skip' | 'disconnect' | undefined };
            readers.push({
              at: hub.count,
              isOver: false,
              stream:
                slow === 'skip' ? hub.subscribe({ slow, lagged: (missed) => ({ missed }) }) : hub.subscribe({ slow }),
            });
          } else {
            const reader = readers[(rest as { reader: number }).reader];
            if (reader !== undefined && !reader.isOver && reader.at < hub.count) await read(reader);
          }
          await settle();
          expect(hub.count).toBe(pushed); // none of these policies holds the source back
        }
        source.end();
        for (const reader of readers) while (!reader.isOver) await read(reader);
        for (const reader of readers) expect(reader.at).toBeLessThanOrEqual(pushed);
        expect(hub.readers).toBe(0);
      }),
      { numRuns: 40 },
    );
  });

  it('replays to those who join late, also after the end', async () => {
    const source = pushable<number>();
    const hub = broadcast(source, { replay: 3, source: 'detached' });
    source.pushMany([0, 1, 2, 3, 4]);
    await settle();
    const early = hub.subscribe();
    const exact = hub.subscribe({ from: 3 });
    source.end();
    expect(await collect(early)).toEqual([2, 3, 4]);
    expect(await collect(exact)).toEqual([3, 4]);
    expect(await collect(hub.subscribe())).toEqual([2, 3, 4]);
    await expect(collect(hub.subscribe({ from: 0 }))).rejects.toThrow('missed 2');
  });

  it('closes the source with its last reader, or with the broadcast', async () => {
    const source = new ProbeSource<number>();
    const hub = broadcast(source);
    const [a, b] = [hub.subscribe(), hub.subscribe()];
    a.next();
    await a.return();
    expect(source.returns).toBe(0);
    await b.return();
    expect([source.returns, hub.readers]).toEqual([1, 0]);

    const detached = new ProbeSource<number>();
    const other = broadcast(detached, { source: 'detached' });
    const next = other.subscribe().next();
    await other[asyncDispose]();
    expect(detached.returns).toBe(1);
    expect(await next).toEqual({ done: true, value: undefined });
  });

  it('gives an item once to a reader that is read from inside of another', async () => {
    const source = pushable<number>();
    const hub = broadcast(source);
    const [outer, inner] = [hub.subscribe(), hub.subscribe()];
    const got: Promise<IteratorResult<number>>[] = [];
    const reading = pipe(
      outer,
      forEach((item) => {
        if (item === 0) got.push(inner.next(), inner.next());
      }),
    );
    source.push(0);
    await settle();
    source.push(1);
    source.end();
    await reading;
    expect((await Promise.all(got)).map(({ value }) => value)).toEqual([0, 1]);
  });

  it('lets a blocking reader hold the source', async () => {
    const source = new ProbeSource(Array.from({ length: 50 }, (_, item) => item));
    const hub = broadcast(source, { capacity: 5 });
    const [fast, slow] = [hub.subscribe(), hub.subscribe()];
    const got: number[] = [];
    pipe(
      fast,
      forEach((item) => void got.push(item)),
    );
    await settle();
    expect(got.length).toBe(5);
    source.end();
    expect(await collect(slow)).toHaveLength(50);
    expect(got.length).toBe(50);
  });
});

describe('replayThenTail', () => {
  it('has no gap and no repeat, wherever the two overlap', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(10), fc.nat(10), fc.nat(10), fc.scheduler(), async (length, overlap, more, scheduler) => {
        const log = Array.from({ length }, (_, item) => item);
        const tail = pushable<number>();
        const read = async function* () {
          for (const item of log) {
            await scheduler.schedule(Promise.resolve());
            yield item;
          }
        };
        const stream = replayThenTail({ replay: read(), tail, position: (item: number) => item });
        const got = collect(stream);
        const first = Math.max(0, length - overlap);
        for (let item = first; item < length + more; item++) tail.push(item);
        tail.end();
        await scheduler.waitFor(got);
        expect(await got).toEqual(Array.from({ length: length + more }, (_, item) => item));
      }),
    );
  });

  it('reads the tail from the first next() on, and closes both', async () => {
    const [replay, tail] = [new ProbeSource([1]), new ProbeSource<number>()];
    const stream = replayThenTail({ replay, tail, position: (item: number) => item });
    await settle();
    expect([replay.nexts, tail.nexts]).toEqual([0, 0]);
    await stream.next();
    expect([replay.nexts, tail.nexts]).toEqual([1, 1]);
    expect((await stateOf(stream.return())).state).toBe('fulfilled');
    expect([replay.returns, tail.returns]).toEqual([1, 1]);
  });

  it('fails, without a gap, when the tail piles up', async () => {
    const tail = pushable<number>();
    const replay = new ProbeSource<number>();
    const got: number[] = [];
    const stream = replayThenTail({ replay, tail, position: (item: number) => item, capacity: 4 });
    const reading = pipe(
      stream,
      forEach((item) => void got.push(item)),
    );
    await settle();
    for (let item = 0; item < 20; item++) tail.push(item);
    replay.push(0).end();
    await expect(reading).rejects.toThrow('behind');
    expect(got).toEqual(got.map((_, index) => index));
    expect(got.length).toBeGreaterThan(3);
  });
});
