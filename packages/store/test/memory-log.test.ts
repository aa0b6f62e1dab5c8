import { formatOffset, type LogEntry, type StreamLog, textDelta } from '@chatkit/core';
import { createMemoryLog } from '@chatkit/store/memory';
import { forEach } from '@chatkit/stream';
import { describeStreamLog } from '@chatkit/testing/conformance';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCopiedLog } from '../src/memory/memory-log.ts';
import { deltaSize, entrySize } from '../src/shared/event-size.ts';

const entry = (seq: number, text = `${seq}`): LogEntry => ({
  offset: formatOffset(1, seq),
  event: { type: 'progress_update', text },
});
const end = (seq: number): LogEntry => ({ offset: formatOffset(1, seq), end: 'completed' });
const collect = async (entries: AsyncIterable<LogEntry>): Promise<string[]> => {
  const offsets: string[] = [];
  for await (const each of entries) offsets.push(each.offset);
  return offsets;
};

describeStreamLog('createMemoryLog', () => createMemoryLog(), {
  createSmallLog: () => createMemoryLog({ maxBytesPerRun: 20_000 }),
  runs: 1000,
  hasRows: true,
});

describe('createMemoryLog, beyond the contract', () => {
  it('replays and then tails', async () => {
    const log = createMemoryLog();
    await log.create('run');
    await log.append('run', [entry(1), entry(2)]);
    const reading = collect(log.read('run'));
    await Promise.resolve();
    await log.append('run', [entry(3)]);
    await log.append('run', [end(4)]);
    expect(await reading).toEqual(['1-1', '1-2', '1-3', '1-4']);
    expect(await collect(log.read('run', { after: '1-3' }))).toEqual(['1-4']);
  });

  it('passes over what a reader says it has already, even when the log does not have it yet', async () => {
    const log = createMemoryLog();
    await log.create('run');
    await log.append('run', [entry(1)]);
    const reading = collect(log.read('run', { after: '1-3' }));
    await log.append('run', [entry(2), entry(3), entry(4), end(5)]);
    expect(await reading).toEqual(['1-4', '1-5']);
  });

  it('does not wait for room without a reader', async () => {
    const log = createMemoryLog({ maxBytesPerRun: 1000, maxLagBytes: 100 });
    await log.create('run');
    for (let seq = 1; seq < 100; seq += 1) expect(log.append('run', [entry(seq)])).toBeUndefined();
  });

  const filler = (log: StreamLog) => {
    let seq = 0;
    return {
      last: () => seq,
      /** Appends until the log asks to wait. */
      fill(): Promise<void> {
        for (;;) {
          const room = log.append('run', [entry(++seq)]);
          if (room !== undefined) return room;
        }
      },
    };
  };
  const isSettled = async (work: Promise<void>): Promise<boolean> => {
    let settled = false;
    void work.then(() => {
      settled = true;
    });
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    return settled;
  };

  it('makes the producer wait for its only reader, until that one is half way or gone', async () => {
    const log = createMemoryLog({ maxLagBytes: 600 });
    await log.create('run');
    const slow = log.read('run')[Symbol.asyncIterator]();
    const first = slow.next();
    const { fill, last } = filler(log);
    const room = fill();
    await first;
    await slow.next();
    expect(await isSettled(room)).toBe(false);
    for (let taken = 2; taken < last() - 1; taken += 1) await slow.next();
    await room;
    const again = fill();
    await slow.return?.();
    await again;
  });

  it('makes the producer wait for the furthest reader, however far the others are behind', async () => {
    const log = createMemoryLog({ maxLagBytes: 600 });
    await log.create('run');
    const paused = log.read('run')[Symbol.asyncIterator]();
    const live = log.read('run')[Symbol.asyncIterator]();
    const { fill, last } = filler(log);
    const first = [paused.next(), live.next()];
    let room = fill();
    await Promise.all(first);
    for (let round = 0, taken = 1; round < 20; round += 1) {
      expect(await isSettled(room)).toBe(false);
      while (taken < last()) {
        expect(await live.next()).toMatchObject({ value: { offset: `1-${taken + 1}` } });
        taken += 1;
      }
      await room;
      room = fill();
    }
    await log.append('run', [end(last() + 1)]);
    const rest = Array.from({ length: last() }, (_, at) => `1-${at + 2}`);
    for (const offset of rest) expect(await paused.next()).toMatchObject({ value: { offset } });
    expect((await paused.next()).done).toBe(true);
  });

  it('lets the producer go on when a reader comes that is not behind', async () => {
    const log = createMemoryLog({ maxLagBytes: 600 });
    await log.create('run');
    const paused = log.read('run')[Symbol.asyncIterator]();
    const first = paused.next();
    const { fill, last } = filler(log);
    const room = fill();
    await first;
    const live = log.read('run', { after: `1-${last()}` })[Symbol.asyncIterator]();
    const next = live.next();
    await room;
    log.append('run', [end(last() + 1)]);
    expect(await next).toMatchObject({ value: { end: 'completed' } });
  });

  it('waits for the readers that remain when the furthest leaves, and for nobody when the last leaves', async () => {
    const log = createMemoryLog({ maxLagBytes: 600 });
    await log.create('run');
    const paused = log.read('run')[Symbol.asyncIterator]();
    const live = log.read('run')[Symbol.asyncIterator]();
    const { fill } = filler(log);
    const first = [paused.next(), live.next()];
    const room = fill();
    await Promise.all(first);
    await live.return?.();
    expect(await isSettled(room)).toBe(false);
    await paused.return?.();
    await room;
    expect(log.append('run', [entry(1_000)])).toBeUndefined();
  });

  it('waits for the copy of a run besides, which may miss nothing', async () => {
    const { log, copy } = createCopiedLog({ maxLagBytes: 600 });
    await log.create('run');
    const copying = copy('run')[Symbol.asyncIterator]();
    const { fill, last } = filler(log);
    const first = copying.next();
    const alone = fill();
    await first;
    expect(await isSettled(alone)).toBe(false);
    for (let taken = 1; taken < last(); taken += 1) await copying.next();
    await alone;
    const live = log.read('run', { after: `1-${last()}` })[Symbol.asyncIterator]();
    const next = live.next();
    const both = fill();
    await next;
    const behind = last();
    while ((await live.next()).value?.offset !== `1-${behind}`);
    expect(await isSettled(both)).toBe(false);
    while ((await copying.next()).value?.offset !== `1-${behind}`);
    await both;
  });

  it('drops the oldest entries of a run past its bytes and tells readers that need them', async () => {
    const log = createMemoryLog({ maxBytesPerRun: 1000 });
    await log.create('run');
    const stale = log.read('run')[Symbol.asyncIterator]();
    await log.append('run', [entry(1)]);
    await stale.next();
    for (let seq = 2; seq <= 100; seq += 1) void log.append('run', [entry(seq)]);
    await log.append('run', [end(101)]);
    await expect(stale.next()).rejects.toMatchObject({ code: 'log.expired' });
    await expect(collect(log.read('run'))).rejects.toMatchObject({ code: 'log.expired' });
    await expect(collect(log.read('run', { after: '1-50' }))).rejects.toMatchObject({ code: 'log.expired' });
    expect(await collect(log.read('run', { after: '1-99' }))).toEqual(['1-100', '1-101']);
  });

  it('forgets the finished runs that were used longest ago, and none that is open or read', async () => {
    const evicted: string[] = [];
    const log = createMemoryLog({ maxFinishedRuns: 2, onEvict: (id) => evicted.push(id) });
    for (const id of ['open', 'a', 'b', 'c', 'd']) await log.create(id);
    await log.append('a', [entry(1), end(2)]);
    await log.append('b', [entry(1), end(2)]);
    await collect(log.read('a'));
    const held = log.read('a')[Symbol.asyncIterator]();
    await held.next();
    await log.append('c', [end(1)]);
    await log.append('d', [end(1)]);
    expect(evicted).toEqual(['b']);
    await held.return?.();
    expect(evicted).toEqual(['b', 'c']);
    await expect(collect(log.read('b'))).rejects.toMatchObject({ code: 'run.not_found' });
    expect(await collect(log.read('a'))).toEqual(['1-1', '1-2']);
    await log.append('open', [entry(1)]);
  });

  it('keeps to its bounds: evicts ended runs without readers, the longest unused first, and no others', async () => {
    const bounds = { maxFinishedRuns: 3, maxBytes: 2_500, maxBytesPerRun: 1_000 };
    const aStep = fc.record({
      run: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      what: fc.constantFrom('entry', 'row', 'row', 'end', 'end', 'enter', 'leave', 'delete'),
      length: fc.nat(400),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(aStep, { maxLength: 60, size: 'max' }), async (steps) => {
        const evicted: string[] = [];
        const { log, rows } = createCopiedLog({ ...bounds, onEvict: (id) => evicted.push(id) });
        interface Known {
          readonly sizes: number[];
          readonly readers: AsyncIterator<LogEntry>[];
          last: number;
          isEnded: boolean;
        }
        /** In the order in which they were last used. */
        const runs = new Map<string, Known>();
        const expected: string[] = [];
        const bytesOf = ({ sizes }: Known) => sizes.reduce((sum, size) => sum + size, 0);
        const all = () => [...runs.values()].reduce((sum, run) => sum + bytesOf(run), 0);
        for (const { run: id, what, length } of steps) {
          await log.create(id);
          const run = runs.get(id) ?? { sizes: [], readers: [], last: 0, isEnded: false };
          runs.set(id, run);
          const text = 'x'.repeat(length);
          const given = what === 'end' ? end(run.last + 1) : entry(run.last + 1, text);
          if (what === 'enter') {
            // Of a run that has ended it is to get one entry, and stay.
            const has = run.isEnded ? run.last - 1 : run.last;
            const reader = log.read(id, { after: has === 0 ? undefined : `1-${has}` })[Symbol.asyncIterator]();
            reader.next().catch(() => {});
            run.readers.push(reader);
          } else if (what === 'leave') {
            const reader = run.readers.shift();
            if (reader === undefined) continue;
            await reader.return?.();
          } else if (what === 'delete') {
            runs.delete(id);
            await log.delete(id);
          } else if (!run.isEnded) {
            run.last += 1;
            run.isEnded = what === 'end';
            run.sizes.push(what === 'row' ? deltaSize(text) : entrySize(given));
            if (what === 'row')
              rows.writer(id).append({ epoch: 1, seq: run.last, itemId: 'a', part: 0, deltas: [text] });
            else log.append(id, [given]);
          } else continue;
          while (bytesOf(run) > bounds.maxBytesPerRun) run.sizes.shift();
          if (runs.delete(id) && what !== 'delete') runs.set(id, run);
          const idle = () => [...runs].filter(([, { isEnded, readers }]) => isEnded && readers.length === 0);
          while (idle().length > bounds.maxFinishedRuns || (all() > bounds.maxBytes && idle().length > 0)) {
            const [oldest] = idle()[0] as [string, Known];
            runs.delete(oldest);
            expected.push(oldest);
          }
          expect(evicted).toEqual(expected);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('settles overlapping next() calls in their order, and all of them at return()', async () => {
    const log = createMemoryLog();
    await log.create('run');
    const reader = log.read('run')[Symbol.asyncIterator]();
    const order: string[] = [];
    const calls = [1, 2, 3, 4].map((n) =>
      reader.next().then((result) => order.push(`${n}: ${result.done ? 'done' : result.value.offset}`)),
    );
    await log.append('run', [entry(1), entry(2)]);
    await reader.return?.();
    await Promise.all(calls);
    expect(order).toEqual(['1: 1-1', '2: 1-2', '3: done', '4: done']);
  });

  it('is lazy: a reader that nobody drives neither attaches nor holds the producer back', async () => {
    const log = createMemoryLog({ maxLagBytes: 100 });
    const early = log.read('run');
    await log.create('run');
    for (let seq = 1; seq < 50; seq += 1) expect(log.append('run', [entry(seq)])).toBeUndefined();
    void log.append('run', [end(50)]);
    expect(await collect(early)).toHaveLength(50);
  });

  it('a pipeline gets an entry within the call that appends it, and the very object', async () => {
    const log = createMemoryLog();
    await log.create('r');
    const seen: LogEntry[] = [];
    const reading = forEach((each: LogEntry) => void seen.push(each))(log.read('r'));
    for (let seq = 1; seq <= 3; seq += 1) {
      const given: LogEntry = { offset: formatOffset(1, seq), event: textDelta('a', `${seq}`) };
      log.append('r', [given]);
      expect(seen).toHaveLength(seq);
      expect(seen.at(-1)).toBe(given);
    }
    log.append('r', [end(4)]);
    await reading;
    expect(seen).toHaveLength(4);
  });

  it('what comes behind the terminal entry in the same append is refused, what comes before it is kept', async () => {
    const log = createMemoryLog();
    await log.create('r');
    const reading = collect(log.read('r'));
    expect(() => log.append('r', [entry(1), end(2), entry(3)])).toThrow(
      expect.objectContaining({ code: 'log.closed' }),
    );
    expect(await reading).toEqual(['1-1', '1-2']);
  });
});
