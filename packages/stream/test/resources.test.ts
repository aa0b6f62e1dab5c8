/** Nothing is left behind: timers, listeners, open sources, memory, unhandled rejections. */

import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import {
  abortable,
  adaptiveBatch,
  batch,
  buffer,
  collect,
  forEach,
  heartbeat,
  interruptible,
  map,
  mapAsync,
  merge,
  type Operator,
  pipe,
  pushable,
  rateLimit,
  smooth,
  stallWatchdog,
  tee,
  throttle,
  timeout,
} from '../src/index.ts';
import { operators } from './support/operators.ts';
import { ProbeSource } from './support/probe-source.ts';
import { settle, VirtualClock } from './support/virtual-clock.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Every operator with a timer or a listener, in one row. */
const everything = (source: ProbeSource<string>, signal: AbortSignal, clock: VirtualClock) =>
  pipe(
    merge(source, new ProbeSource<string>()),
    stallWatchdog({ afterMs: 5, onStall: () => {}, clock }),
    timeout({ firstMs: 1e5, idleMs: 1e5, totalMs: 1e6, clock }),
    mapAsync(async (text: string) => text, { concurrency: 2 }),
    buffer({ capacity: 4 }),
    smooth({ clock }),
    (stream) => pipe(stream, rateLimit({ count: 100, perMs: 10, clock }), interruptible(signal)),
    (stream) => pipe(stream, batch({ maxItems: 4, maxMs: 10, clock }), throttle({ everyMs: 1, clock })),
    (stream) =>
      pipe(
        stream,
        heartbeat({ everyMs: 15, value: ['♥'], clock }),
        adaptiveBatch({ clock, maxDelayMs: 9 }),
        abortable(signal),
      ),
  );

/** Operators that set a timer with each pull, or listen with the first. */
const onPull: Record<string, (clock: VirtualClock, signal: AbortSignal) => Operator<number, number>> = {
  heartbeat: (clock) => heartbeat({ everyMs: 9, value: 0, clock }),
  timeout: (clock) => timeout({ idleMs: 9, clock }),
  stallWatchdog: (clock) => stallWatchdog({ afterMs: 9, onStall() {}, clock }),
  abortable: (_clock, signal) => abortable(signal),
};

describe.each(Object.entries(onPull))('%s', (_name, build) => {
  it.each([0, 1])(
    'that was closed leaves nothing when the pipeline behind it reads on (after %i items)',
    async (items) => {
      const clock = new VirtualClock();
      const { signal } = new AbortController();
      const stream = build(clock, signal)(new ProbeSource([1, 2, 3]));
      const further = map((item: number) => item)(stream);
      for (let left = items; left > 0; left--) await further.next();
      await stream.return();
      expect(await further.next()).toEqual({ done: true, value: undefined });
      expect([clock.pending, getEventListeners(signal, 'abort').length]).toEqual([0, 0]);
    },
  );
});

describe('resources', () => {
  it.each(['abort', 'return', 'break in the middle', 'error', 'end'])(
    '2,000 pipelines leave nothing on %s',
    async (how) => {
      const clock = new VirtualClock();
      const never = new AbortController();
      const sources: ProbeSource<string>[] = [];
      const outcomes = new Map<string, number>();
      for (let index = 0; index < 2000; index++) {
        const source = new ProbeSource(['some ', 'text ']);
        sources.push(source);
        const controller = new AbortController();
        const stream = everything(source, how === 'abort' ? controller.signal : never.signal, clock);
        const next = stream.next();
        const count = (outcome: string) => void outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        const settled = next.then(
          () => count('value'),
          () => count('error'),
        );
        if (index % 2 === 0) for (let tick = 0; tick < 30; tick++) await Promise.resolve();
        if (how === 'abort') controller.abort();
        else if (how === 'error') source.fail(new Error('boom'));
        else if (how === 'end') source.end();
        if (how !== 'abort') await stream.return();
        await settled;
        expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
      }
      await settle();
      expect(clock.pending).toBe(0);
      expect(getEventListeners(never.signal, 'abort')).toEqual([]);
      expect(sources.filter((source) => source.isOpen)).toEqual([]);
      expect([...outcomes.values()].reduce((sum, count) => sum + count)).toBe(2000);
    },
  );

  it.each(Object.entries(operators))(
    '%s: a late error of a closed source is nobody’s problem',
    async (_name, build) => {
      const unhandled: unknown[] = [];
      const listener = (error: unknown) => unhandled.push(error);
      process.on('unhandledRejection', listener);
      let fail = (_error: Error) => {};
      let nexts = 0;
      const stream = build({
        [Symbol.asyncIterator]: () => ({
          next: () =>
            nexts++ === 0
              ? Promise.resolve({ done: false, value: 1 })
              : new Promise<IteratorResult<number>>((_resolve, reject) => {
                  fail = reject;
                }),
          return: () => Promise.reject(new Error('cleanup')),
        }),
      });
      await stream.next();
      stream.next();
      await settle();
      await stream.return();
      fail(new Error('late'));
      await settle();
      await settle();
      process.off('unhandledRejection', listener);
      expect(unhandled).toEqual([]);
    },
  );

  it('a merge with a silent source keeps nothing per item', async () => {
    const source = async function* () {
      for (let index = 0; ; index++) yield { index, text: `some text ${index}` };
    };
    const stream = pipe(
      merge(source(), new ProbeSource<never>()),
      map((item) => item),
    );
    const used = async () => {
      for (let index = 0; index < 20_000; index++) await stream.next();
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    await used();
    const before = await used();
    expect((await used()) - before).toBeLessThan(20_000 * 4);
    await stream.return();
  });

  it('a row of operators survives a flood without growing the stack', async () => {
    const source = pushable<number>({ capacity: Number.POSITIVE_INFINITY });
    source.pushMany(Array.from({ length: 300_000 }, (_, item) => item));
    source.end();
    const [left, right] = tee(
      pipe(
        source,
        map((item) => item + 1),
      ),
    );
    let sum = 0;
    await Promise.all([
      pipe(
        left,
        forEach((item) => (sum += item)),
      ),
      pipe(right, batch({ maxItems: 7 }), collect),
    ]);
    expect(sum).toBe((300_000 * 300_001) / 2);
  });
});
