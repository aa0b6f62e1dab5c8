/** Operators that go by a clock, on a clock that the test moves. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  abortable,
  batch,
  collect,
  forEach,
  heartbeat,
  interruptible,
  latest,
  map,
  type Pushable,
  pipe,
  pushable,
  rateLimit,
  retry,
  type Source,
  type Stream,
  stallWatchdog,
  TimeoutError,
  takeWhile,
  throttle,
  timeout,
} from '../src/index.ts';
import { chunked } from './support/chunked.ts';
import { ProbeSource, stateOf } from './support/probe-source.ts';
import { settle, VirtualClock } from './support/virtual-clock.ts';

/** Reads a stream as fast as it can; what came, and when. */
function record<T>(clock: VirtualClock, source: Source<T>) {
  const got: [at: number, item: T | unknown][] = [];
  const ended = pipe(
    source,
    forEach((item) => void got.push([clock.now(), item])),
  ).then(
    () => got.push([clock.now(), 'end']),
    (error: Error) => got.push([clock.now(), error.message]),
  );
  return { got, ended };
}

describe('timeout', () => {
  it.each([
    ['first', { firstMs: 100, idleMs: 10 }, [], 100],
    ['idle', { firstMs: 100, idleMs: 10 }, [50], 60],
    ['idle', { idleMs: 10 }, [], 10],
    ['idle', { idleMs: 30 }, [20, 40, 60], 90],
    ['total', { idleMs: 30, totalMs: 70 }, [20, 40, 60], 70],
  ] as const)('%s %o', async (phase, limits, arrivals, at) => {
    const clock = new VirtualClock();
    const source = new ProbeSource<number>();
    source.isStuck = true;
    const stream = timeout<number>({ ...limits, clock })(source);
    let failedAt: number | undefined;
    const reading = collect(stream).catch((error: unknown) => {
      failedAt = clock.now();
      return error;
    });
    for (const time of arrivals) {
      await clock.advance(time - clock.now());
      source.push(time);
    }
    await clock.advance(1000);
    const error = await reading;
    expect(error).toBeInstanceOf(TimeoutError);
    expect([(error as TimeoutError).code, failedAt]).toEqual([`stream.timeout_${phase}`, at]);
    expect((error as TimeoutError).limitMs).toBe({ firstMs: undefined, totalMs: undefined, ...limits }[`${phase}Ms`]);
    expect([source.returns, clock.pending]).toEqual([1, 0]);
  });

  it('does not take a synthetic start for content', async () => {
    const clock = new VirtualClock();
    const source = pushable<string>();
    const reading = collect(
      timeout<string>({ firstMs: 100, idleMs: 500, isContent: (item) => item !== 'start', clock })(source),
    );
    const error = reading.catch((caught: TimeoutError) => [caught.phase, clock.now()]);
    source.push('start');
    await clock.advance(1000);
    expect(await error).toEqual(['first', 100]);
  });

  it('does not count the time of the reader', async () => {
    const clock = new VirtualClock();
    const source = pushable<number>();
    const stream = timeout<number>({ idleMs: 10, totalMs: 50, clock })(source);
    for (let item = 0; item < 5; item++) {
      const next = stream.next();
      await clock.advance(5);
      source.push(item);
      expect((await next).value).toBe(item);
      await clock.advance(10_000);
    }
    await stream.return();
    expect(clock.pending).toBe(0);
  });

  it('sets a handful of timers for a thousand items', async () => {
    let timers = 0;
    const clock = new VirtualClock();
    const counting = {
      now: () => clock.now(),
      clearTimeout: (timer: unknown) => clock.clearTimeout(timer),
      setTimeout: (callback: () => void, delayMs: number) => {
        timers++;
        return clock.setTimeout(callback, delayMs);
      },
    };
    const source = pushable<number>();
    const reading = collect(timeout<number>({ idleMs: 100, clock: counting })(source));
    for (let item = 0; item < 1000; item++) {
      source.push(item);
      await clock.advance(1);
    }
    source.end();
    expect((await reading).length).toBe(1000);
    expect(timers).toBeLessThan(20);
  });
});

describe('a limit of months', () => {
  it('is kept, though runtimes fire a timer of more than 2,147,483,647 ms at once', async () => {
    const month = 31 * 24 * 3_600_000;
    const clock = new VirtualClock();
    const { setTimeout } = clock;
    clock.setTimeout = (callback, delayMs) => setTimeout.call(clock, callback, delayMs < 2 ** 31 ? delayMs : 1);
    const next = stateOf(timeout<number>({ idleMs: month, clock })(new ProbeSource<number>()).next());
    expect(await next).toEqual({ state: 'pending' });
    let timers = 0;
    for (; clock.pending > 0 && timers < 9; timers++) await clock.advance((clock.nextAt as number) - clock.now());
    expect([clock.now(), timers]).toEqual([month, 2]);
  });
});

describe('heartbeat', () => {
  it('fills silences only, and only for a reader that waits', async () => {
    const clock = new VirtualClock();
    const source = pushable<string>();
    const { got } = record(clock, heartbeat({ everyMs: 15, value: () => '♥', clock })(source));
    await clock.advance(20);
    source.push('a');
    await clock.advance(14);
    source.push('b');
    await clock.advance(16);
    source.end();
    await clock.advance(100);
    expect(got).toEqual([
      [15, '♥'],
      [20, 'a'],
      [34, 'b'],
      [49, '♥'],
      [50, 'end'],
    ]);
    expect(clock.pending).toBe(0);
  });

  it('queues none for a reader that is away', async () => {
    const clock = new VirtualClock();
    const source = pushable<string>();
    const stream = heartbeat({ everyMs: 10, value: '♥', clock })(source);
    const first = stream.next();
    await clock.advance(10);
    expect((await first).value).toBe('♥');
    await clock.advance(1000);
    source.push('a');
    expect((await stream.next()).value).toBe('a');
    await stream.return();
  });
});

describe('throttle', () => {
  it('passes the first at once, then the newest, and at the end what it holds, unless it is told not to', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(40), { maxLength: 20 }), fc.boolean(), async (gaps, trailing) => {
        const clock = new VirtualClock();
        const source = pushable<number>();
        const { got, ended } = record(clock, throttle<number>({ everyMs: 25, trailing, clock })(source));
        const expected: typeof got = [];
        let held: number | undefined;
        let nextAt = 0;
        for (const [item, gap] of gaps.entries()) {
          const at = clock.now() + gap;
          if (held !== undefined && nextAt <= at) {
            expected.push([nextAt, held]);
            held = undefined;
            nextAt += 25;
          }
          await clock.advance(gap);
          source.push(item);
          if (at < nextAt) held = item;
          else {
            expected.push([at, item]);
            nextAt = at + 25;
          }
        }
        if (held !== undefined && trailing) expected.push([clock.now(), held]);
        expected.push([clock.now(), 'end']);
        source.end();
        await clock.advance(100);
        await ended;
        expect(got).toEqual(expected);
        expect(clock.pending).toBe(0);
      }),
    );
  });
});

describe('rateLimit', () => {
  it('loses nothing, and no window sees more than its share', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(fc.nat(30), { maxLength: 20 }), async (count, gaps) => {
        const clock = new VirtualClock();
        const source = pushable<number>();
        const { got, ended } = record(clock, rateLimit<number>({ count, perMs: 50, clock })(source));
        for (const [index, gap] of gaps.entries()) {
          await clock.advance(gap);
          source.push(index);
        }
        source.end();
        await clock.advance(50 * gaps.length + 50);
        await ended;
        const items = got.slice(0, -1);
        expect(items.map(([, item]) => item)).toEqual(gaps.map((_, index) => index));
        for (let index = count; index < items.length; index++) {
          expect((items[index]?.[0] as number) - (items[index - count]?.[0] as number)).toBeGreaterThanOrEqual(50);
        }
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 40 },
    );
  });
});

describe('stallWatchdog', () => {
  it('does not take a busy reader for a stall', async () => {
    const clock = new VirtualClock();
    const source = new ProbeSource(['a', 'b']);
    const seen: string[] = [];
    const stream = stallWatchdog<string>({ afterMs: 30, onStall: () => seen.push('stall'), clock })(source);
    await stream.next();
    await clock.advance(100);
    await stream.next();
    expect(seen).toEqual([]);
    await stream.return();
  });

  it.each(['end', 'return'] as const)('reports the end of a stall at %s, and leaves no timer behind', async (how) => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    const options = { afterMs: 30, onStall: () => seen.push('stall'), onResume: () => seen.push('resume'), clock };
    for (const silentMs of [20, 50]) {
      const source = new ProbeSource<string>();
      const stream = stallWatchdog<string>(options)(source);
      const next = stream.next();
      await clock.advance(silentMs);
      if (how === 'end') source.end();
      else await stream.return();
      await next;
      await settle();
      expect(clock.pending).toBe(0);
    }
    expect(seen).toEqual(['stall', 'resume']);
  });

  it('reports a stall once, and its end, and changes nothing', async () => {
    const clock = new VirtualClock();
    const source = pushable<string>();
    const seen: unknown[] = [];
    const watchdog = stallWatchdog<string>({
      afterMs: 30,
      onStall: (stall) => seen.push(['stall', stall]),
      onResume: (stall) => seen.push(['resume', stall]),
      clock,
    });
    const { got } = record(clock, watchdog(source));
    await clock.advance(20);
    source.push('a');
    await clock.advance(100);
    source.push('b');
    await clock.advance(10);
    source.end();
    await clock.advance(100);
    expect(seen).toEqual([
      ['stall', { waitedMs: 30, items: 1 }],
      ['resume', { waitedMs: 100, items: 1 }],
    ]);
    expect(got).toEqual([
      [20, 'a'],
      [120, 'b'],
      [130, 'end'],
    ]);
    expect(clock.pending).toBe(0);
  });
});

describe('retry', () => {
  /** A log of numbers that breaks at random places; `from` is where to go on. */
  const flaky = (breaks: number[], length: number) => (from: number) =>
    (async function* () {
      const breakAt = breaks.shift();
      for (let item = from; item < length; item++) {
        if (breakAt !== undefined && item - from >= breakAt) throw new Error('cut');
        yield item;
      }
    })();

  it('gives the whole log once, wherever it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(6), { maxLength: 8 }), fc.nat(12), async (breaks, length) => {
        const clock = new VirtualClock();
        const open = flaky([...breaks], length);
        const stream = retry(({ cursor }) => open(cursor === undefined ? 0 : cursor + 1), {
          cursorOf: (item: number) => item,
          retries: breaks.length,
          clock,
        });
        const { got, ended } = record(clock, stream);
        await clock.advance(1e6);
        await ended;
        expect(got.map(([, item]) => item)).toEqual([...Array.from({ length }, (_, item) => item), 'end']);
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('waits longer each time, with jitter, and gives up with the last error', async () => {
    const clock = new VirtualClock();
    const waits: number[] = [];
    let attempts = 0;
    const stream = retry(
      ({ attempt }) => {
        attempts++;
        throw new Error(`attempt ${attempt}`);
      },
      {
        retries: 4,
        baseMs: 100,
        maxMs: 500,
        random: () => 0.5,
        onRetry: (_error, waitMs) => waits.push(waitMs),
        clock,
      },
    );
    const { got } = record(clock, stream);
    await clock.advance(10_000);
    expect(waits).toEqual([50, 100, 200, 250]);
    expect([attempts, got]).toEqual([5, [[600, 'attempt 4']]]);
  });

  it.each([Number.NaN, -1])('computes the wait where `when` has none (%s)', async (wait) => {
    const clock = new VirtualClock();
    const fails = (): ProbeSource<number> => new ProbeSource<number>().fail(new Error('429'));
    const { got } = record(
      clock,
      retry(fails, { retries: 2, when: () => wait, random: () => 0.5, baseMs: 100, clock }),
    );
    await clock.advance(10_000);
    expect(got).toEqual([[150, '429']]);
  });

  it('waits as long as `when` says', async () => {
    const clock = new VirtualClock();
    const fails = (): ProbeSource<number> => new ProbeSource<number>().fail(new Error('429'));
    const { got } = record(clock, retry(fails, { retries: 2, when: (_, retry) => 40 * (retry + 1), clock }));
    await clock.advance(10_000);
    expect(got).toEqual([[120, '429']]);
  });

  it('counts the failures since the last item, and aborts each attempt that has failed', async () => {
    const clock = new VirtualClock();
    const signals: AbortSignal[] = [];
    const aborted: boolean[][] = [];
    const open = flaky([1, 1, 1, 1], 5);
    const stream = retry<number>(
      ({ attempt, signal }) => {
        signals.push(signal);
        aborted.push(signals.map((each) => each.aborted));
        return open(attempt);
      },
      { retries: 1, clock },
    );
    const { got } = record(clock, stream);
    await clock.advance(1e6);
    expect(got.map(([, item]) => item)).toEqual([0, 1, 2, 3, 4, 'end']);
    for (const [attempt, each] of aborted.entries())
      expect(each).toEqual([...Array.from({ length: attempt }, () => true), false]);
    expect(signals.every((signal) => signal.aborted)).toBe(true);
  });

  it('asks whether an error is worth it', async () => {
    const clock = new VirtualClock();
    const { got } = record(
      clock,
      retry(() => new ProbeSource<number>().fail(new Error('403')), { when: () => false, clock }),
    );
    await settle();
    expect(got).toEqual([[0, '403']]);
  });

  it('closing ends the wait, and the attempt', async () => {
    const clock = new VirtualClock();
    const signals: AbortSignal[] = [];
    const stream = retry<number>(
      ({ signal }) => {
        signals.push(signal);
        throw new Error('no');
      },
      { clock },
    );
    const next = stream.next();
    await settle();
    expect(clock.pending).toBe(1);
    await stream.return();
    expect(await next).toEqual({ done: true, value: undefined });
    expect([clock.pending, signals.length]).toEqual([0, 1]);
    await clock.advance(1e6);
    expect(signals.length).toBe(1);
  });
});

describe('abortable', () => {
  it('fails with the very reason, at once, and closes a stuck source', async () => {
    const source = new ProbeSource<number>();
    source.isStuck = true;
    const controller = new AbortController();
    const stream = abortable<number>(controller.signal)(source);
    const next = stream.next();
    await settle();
    const reason = { why: 'the user' };
    controller.abort(reason);
    expect(source.returns).toBe(1);
    expect(await stateOf(next)).toEqual({ state: 'rejected', error: reason });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  it('reports an abort between two reads with the next one', async () => {
    const source = new ProbeSource([1, 2]);
    const controller = new AbortController();
    const stream = abortable<number>(controller.signal)(source);
    await stream.next();
    controller.abort('later');
    expect(source.returns).toBe(1);
    expect(await stateOf(stream.next())).toEqual({ state: 'rejected', error: 'later' });
  });

  it('never reads a source when the signal has aborted already', async () => {
    const source = new ProbeSource([1]);
    const stream = abortable<number>(AbortSignal.abort('before'))(source);
    expect(await stateOf(stream.next())).toEqual({ state: 'rejected', error: 'before' });
    expect([source.nexts, source.returns]).toEqual([0, 1]);
  });
});

describe.each(['abort', 'interrupt'])('%s', (how) => {
  const ways = {
    abort: () => {
      const controller = new AbortController();
      return { operator: abortable<number>(controller.signal), stop: () => controller.abort('stop') };
    },
    interrupt: () => {
      const operator = interruptible();
      return { operator, stop: operator.interrupt };
    },
  };
  const readers: Record<string, (stream: Stream<number>, fn: (item: number) => unknown) => Promise<void>> = {
    'for await': async (stream, fn) => {
      for await (const item of stream) await fn(item);
    },
    forEach: (stream, fn) => forEach(fn)(stream),
    'forEach, late': (stream, fn) => forEach(async (item: number) => fn(item))(stream),
    'forEach behind a map': (stream, fn) => forEach(fn)(map((item: number) => item)(stream)),
  };

  it.each(Object.entries(readers))('ends %s in the middle of a chunk', async (_name, read) => {
    const { operator, stop } = ways[how as keyof typeof ways]();
    const seen: number[] = [];
    const reading = read(operator(chunked([[1, 2, 3, 4], [5]])), (item) => {
      seen.push(item);
      if (item === 2) stop();
    });
    if (how === 'abort') await expect(reading).rejects.toBe('stop');
    else await reading;
    expect(seen).toEqual([1, 2]);
  });
});

describe('interruptible', () => {
  it('is a clean end for everything behind it', async () => {
    const source = new ProbeSource([1, 2, 3]);
    source.isStuck = true;
    const stop = interruptible();
    const got = pipe(source, stop, batch({ maxItems: 2 }), collect);
    await settle();
    stop.interrupt();
    expect(await got).toEqual([[1, 2], [3]]);
    expect(source.returns).toBe(1);
  });

  it('takes a signal, too', async () => {
    const controller = new AbortController();
    const got = collect(interruptible(controller.signal)(new ProbeSource([1])));
    await settle();
    controller.abort();
    expect(await got).toEqual([1]);
  });
});

describe('latest', () => {
  it('gives all that the newest input answers, from its beginning, and nothing more of those before it', async () => {
    const aStep = fc.record({
      of: fc.constantFrom('input', 'items', 'items', 'end', 'fail', 'read', 'read', 'last input'),
      /** How many inputs ago. */
      to: fc.constantFrom(0, 0, 0, 1),
      count: fc.integer({ min: 1, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(aStep, { maxLength: 40, size: 'max' }), async (steps) => {
        const inputs = pushable<number>();
        const answers: { items: Pushable<string>; signal: AbortSignal }[] = [];
        const answer = (_: number, { signal }: { signal: AbortSignal }) => {
          const items = pushable<string>();
          answers.push({ items, signal });
          return items;
        };
        const stream = latest(answer)(inputs);
        const got: string[] = [];
        const expected: string[] = [];
        let asked = 0;
        const read = (): void => {
          asked++;
          stream.next().then(
            ({ done, value }) => got.push(done ? 'done' : value),
            ({ message }) => got.push(message),
          );
        };
        let newest: { unread: string[]; ending?: string } | undefined;
        let hasAllInputs = false;
        let isOver = false;
        const next = (): string | undefined => {
          if (isOver) return 'done';
          const item = newest?.unread.shift();
          if (item !== undefined) return item;
          if (newest?.ending === 'fail') return 'fail';
          if (newest?.ending === 'end') newest = undefined;
          return newest === undefined && hasAllInputs ? 'done' : undefined;
        };
        read();
        await settle();
        let items = 0;
        for (const { of, to, count } of steps) {
          const target = answers.at(-1 - to)?.items;
          const heard = to === 0 && newest?.ending === undefined ? newest : undefined;
          if (of === 'read') read();
          else if (of === 'input' && !hasAllInputs && !isOver) {
            inputs.push(answers.length);
            newest = { unread: [] };
          } else if (of === 'items') {
            const given = Array.from({ length: count }, () => `${++items}`);
            target?.pushMany(given);
            heard?.unread.push(...given);
          } else if (of === 'end') {
            target?.end();
            if (heard !== undefined) heard.ending = of;
          } else if (of === 'fail' && (to > 0 || asked > expected.length)) {
            // While nobody asks, it depends on what has been read ahead whether it fails the stream at once.
            target?.fail(new Error(of));
            if (heard !== undefined) heard.ending = of;
          } else if (of === 'last input') {
            inputs.end();
            hasAllInputs = true;
          }
          await settle();
          while (expected.length < asked) {
            const said = next();
            if (said === undefined) break;
            expected.push(said);
            isOver ||= !/^\d/.test(said);
          }
          expect(got).toEqual(expected);
          const isStale = (at: number) => at < answers.length - 1;
          if (isOver) continue;
          for (const [at, { signal }] of answers.entries()) expect(signal.aborted).toBe(isStale(at));
        }
        await stream.return();
        expect(answers.every(({ items }) => items.isOver)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('drops the old answer, its late items and its errors', async () => {
    const inputs = pushable<string>();
    const answers: Record<string, { source: ProbeSource<string>; signal: AbortSignal }> = {};
    const stream = pipe(
      inputs,
      latest((input: string, { signal }) => {
        const source = new ProbeSource<string>();
        source.isStuck = true;
        answers[input] = { source, signal };
        return source;
      }),
    );
    const got: string[] = [];
    const reading = pipe(
      stream,
      forEach((item) => void got.push(item)),
    );
    inputs.push('a');
    await settle();
    answers['a']?.source.push('a1');
    await settle();
    inputs.push('b');
    await settle();
    expect([answers['a']?.source.returns, answers['a']?.signal.aborted]).toEqual([1, true]);
    answers['a']?.source.push('a2');
    answers['a']?.source.fail(new Error('late'));
    answers['b']?.source.push('b1');
    inputs.end();
    await settle();
    answers['b']?.source.push('b2').end();
    await reading;
    expect(got).toEqual(['a1', 'b1', 'b2']);
  });

  it('gives all of a chunk behind which its answer ends', async () => {
    const answer = () =>
      pipe(
        chunked([[1, 2, 3, 0]]),
        takeWhile((value) => value > 0),
      );
    expect(await collect(pipe(['in'], latest(answer)))).toEqual([1, 2, 3]);
    const got: number[] = [];
    await pipe(
      ['in'],
      latest(answer),
      forEach((value) => void got.push(value)),
    );
    expect(got).toEqual([1, 2, 3]);
  });

  it('closes the answer when the inputs fail, and fails behind what it has read', async () => {
    const inputs = pushable<number>();
    const items = new ProbeSource(['a', 'b']);
    let signal: AbortSignal | undefined;
    const stream = latest((_: number, context) => {
      signal = context.signal;
      return items;
    })(inputs);
    inputs.push(1);
    expect((await stream.next()).value).toBe('a');
    inputs.fail(new Error('boom'));
    await settle();
    expect([items.returns, signal?.aborted]).toEqual([1, true]);
    await expect(stream.next()).rejects.toThrow('boom');
  });

  it('closes the inputs when an answer fails', async () => {
    const inputs = new ProbeSource(['a']);
    const stream = pipe(
      inputs,
      latest(() => new ProbeSource<string>().fail(new Error('boom'))),
    );
    await expect(stream.next()).rejects.toThrow('boom');
    expect(inputs.returns).toBe(1);
  });
});
