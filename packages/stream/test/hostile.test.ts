/**
 * Sources that break the iterator protocol, functions of the user's that throw where nobody looks, or that close the
 * very pipeline that calls them, and streams that change hands while something is under way.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  abortable,
  adaptiveBatch,
  batch,
  coalesce,
  collect,
  filter,
  flatMap,
  forEach,
  from,
  latest,
  map,
  mapAsync,
  merge,
  type Operator,
  pipe,
  retry,
  type Source,
  type Stream,
  smooth,
} from '../src/index.ts';
import { chunked, chunksOfNumbers } from './support/chunked.ts';
import { operators } from './support/operators.ts';
import { outcome } from './support/outcome.ts';
import { ProbeSource, stateOf } from './support/probe-source.ts';
import { settle, VirtualClock } from './support/virtual-clock.ts';

const boom = new Error('boom');
const fail = (): never => {
  throw boom;
};

describe.each(Object.entries(operators))('%s', (_name, build) => {
  it('loses nothing when another pipeline reads on, neither an item nor the error', async () => {
    await fc.assert(
      fc.asyncProperty(chunksOfNumbers, fc.nat(8), fc.boolean(), async (sizes, count, breaks) => {
        let last = 0;
        const chunks = sizes.map((chunk) => chunk.map(() => last++)); // in order, for `replayThenTail`
        const items: unknown[] = [...chunks.flat(), ...(breaks ? [boom] : [])];
        const source = map((item: unknown) => (item === boom ? fail() : item))(
          chunked([...chunks.slice(0, -1), [...(chunks.at(-1) ?? []), ...(breaks ? [boom] : [])]] as unknown[][]),
        );
        const stream = build(source as Source<number>);
        const got: unknown[] = [];
        while (got.length < Math.min(count, items.length)) {
          got.push(
            await stream.next().then(
              ({ value }) => value,
              (error) => error,
            ),
          );
        }
        if (got.includes(boom)) return;
        expect([...got, ...(await outcome(map((item: unknown) => item)(stream)))]).toEqual(items);
      }),
      { numRuns: 60 },
    );
  });

  it('fails when the source answers with what is no result', async () => {
    for (const nothing of [undefined, null, 5, 'done', true]) {
      const source = { [Symbol.asyncIterator]: () => ({ next: async () => nothing }) };
      const answer = await stateOf(build(source as never).next());
      expect(answer.state).toBe('rejected');
      expect((answer as { error: unknown }).error).toBeInstanceOf(TypeError);
    }
    for (const part of ['done', 'value']) {
      const next = async () => Object.defineProperty({}, part, { get: fail });
      const broken = { [Symbol.asyncIterator]: () => ({ next }) };
      expect(await stateOf(build(broken as never).next())).toEqual({ state: 'rejected', error: boom });
    }
  });
});

type Then = (take: (answer: unknown) => void, refuse: (error: unknown) => void) => void;

/** What a source may answer with in place of a promise. */
const thenable = (then: Then): unknown => Object.fromEntries([['then', then]]);

const countsTo = (count: number, answer: (result: IteratorResult<number, undefined>) => unknown) => {
  let index = 0;
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => answer(index < count ? { done: false, value: index++ } : { done: true, value: undefined }),
    }),
  } as AsyncIterable<number>;
};

describe.each(Object.entries(operators))('%s', (_name, build) => {
  it('reads a source to its end whose answers do not wait', async () => {
    let count = 0;
    await forEach(() => count++)(build(countsTo(20_000, (result) => thenable((take) => take(result)))));
    expect(count).toBe(20_000);
  });

  it('takes one answer of a source that answers several times', async () => {
    const repeating = (result: unknown) =>
      thenable((take, refuse) => {
        take(result);
        take(result);
        refuse(boom);
      });
    expect(await outcome(build(countsTo(3, repeating)))).toEqual([0, 1, 2]);
  });
});

describe('a source', () => {
  it('may be a string', async () => {
    expect(await collect('abc')).toEqual(['a', 'b', 'c']);
    expect(await collect(from('abc'))).toEqual(['a', 'b', 'c']);
    expect(await collect(flatMap((word: string) => word)(['ab', 'c']))).toEqual(['a', 'b', 'c']);
  });

  it('that closes its pipeline when it is asked is asked no more, and closed once', async () => {
    const calls: string[] = [];
    const source: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({
        next() {
          calls.push('next');
          stream.return();
          return new Promise(() => {});
        },
        async return() {
          calls.push('return');
          return { done: true, value: undefined };
        },
      }),
    };
    const stream = merge(source);
    const further = map((item: number) => item)(stream);
    await further.next();
    await further.next();
    await further.return();
    expect(calls).toEqual(['next', 'return']);
  });
});

const generators: Record<string, (close: () => unknown, log: string[]) => Source<number>> = {
  *generator(close, log) {
    try {
      yield 1;
      close();
      log.push('goes on');
      yield 2;
    } finally {
      log.push('closed');
    }
  },
  async *'async generator'(close, log) {
    try {
      yield 1;
      await close();
      log.push('goes on');
      yield 2;
    } finally {
      log.push('closed');
    }
  },
};

describe.each(Object.entries(generators))('%s', (_name, make) => {
  it.each(['return', 'abort'])('that ends its own pipeline is told when its call returns (%s)', async (how) => {
    const log: string[] = [];
    const controller = new AbortController();
    const close = () => (how === 'return' ? stream.return() : controller.abort(boom));
    const stream = abortable<number>(controller.signal)(make(close, log));
    expect(await stream.next()).toEqual({ done: false, value: 1 });
    expect(await outcome(stream)).toEqual(how === 'return' ? [] : [boom]);
    await settle();
    expect(log).toEqual(['goes on', 'closed']);
  });
});

/** A function that is asked for a source closes the stream; what it returns must not stay open. */
const openers: Record<string, (open: () => Source<number>) => Stream<number>> = {
  flatMap: (open) => flatMap(open)([1, 2]),
  'flatMap async': (open) => flatMap(async () => open())([1, 2]),
  latest: (open) => latest(open)([1, 2]),
  'latest async': (open) => latest(async () => open())([1, 2]),
  retry: (open) => retry(open),
  'retry async': (open) => retry(async () => open()),
};

describe.each(Object.entries(openers))('%s', (_name, build) => {
  const withSignal = (controller: AbortController): Operator<number, number> => abortable(controller.signal);

  it('closes the source of a function that has closed the stream', async () => {
    const made: ProbeSource<number>[] = [];
    const stream = build(() => {
      stream.return();
      made.push(new ProbeSource());
      return made.at(-1) as ProbeSource<number>;
    });
    await stream.next();
    await settle();
    expect(made.map(({ returns, nexts }) => [returns, nexts])).toEqual([[1, 0]]);
  });

  it('closes the source of a function that has aborted the pipeline', async () => {
    const made: ProbeSource<number>[] = [];
    const controller = new AbortController();
    const stream = pipe(
      build(() => {
        controller.abort(boom);
        made.push(new ProbeSource());
        return made.at(-1) as ProbeSource<number>;
      }),
      withSignal(controller),
    );
    expect(await stateOf(stream.next())).toEqual({ state: 'rejected', error: boom });
    await settle();
    expect(made.map(({ returns, nexts }) => [returns, nexts])).toEqual([[1, 0]]);
  });
});

/** Operators that call a function for each item, which may close the stream. */
const callers: Record<string, (fn: (item: number) => number) => Operator<number, unknown>> = {
  map: (fn) => map(fn),
  filter: (fn) => filter(fn),
  'two in a row': (fn) => (source) => map(fn)(map((item: number) => item)(source)),
  coalesce: (fn) => coalesce({ key: fn, merge: (older) => older }),
  'batch by size': (fn) => batch({ maxBytes: 1e6, sizeOf: fn }),
  'adaptiveBatch by size': (fn) => adaptiveBatch({ maxBytes: 1e6, sizeOf: fn }),
  smooth: (fn) => smooth({ text: (item: number) => String(fn(item)), withText: (_, text) => Number(text) }),
  flatMap: (fn) => flatMap((item) => [fn(item)]),
  mapAsync: (fn) => mapAsync(fn, { concurrency: 9 }),
};

describe.each(Object.entries(callers))('%s', (_name, build) => {
  it('does not call a function again that has closed the stream', async () => {
    const seen: number[] = [];
    const stream = build((item) => {
      seen.push(item);
      if (item === 2) stream.return();
      return item;
    })(chunked([[1, 2, 3, 4, 5]]));
    await outcome(stream);
    expect(Math.max(...seen)).toBe(2);
  });
});

describe('retry', () => {
  it.each(['when', 'onRetry'] as const)(
    'that is closed by its own `%s` sets no timer and does not try again',
    async (hook) => {
      const clock = new VirtualClock();
      let attempts = 0;
      const close = (): true => {
        stream.return();
        return true;
      };
      const stream: Stream<number> = retry(
        () => {
          attempts++;
          return new ProbeSource<number>().fail(boom);
        },
        { clock, [hook]: close },
      );
      await stream.next();
      expect(clock.pending).toBe(0);
      await clock.advance(1e6);
      expect(attempts).toBe(1);
    },
  );
});

describe('flatMap', () => {
  it.each(['return', 'abort', 'failure'])('makes no further stream of a chunk after a %s', async (how) => {
    const made: ProbeSource<number>[] = [];
    const controller = new AbortController();
    const stream = pipe(
      chunked([[1, 2, 3]]),
      flatMap(() => {
        made.push(new ProbeSource());
        return made.at(-1) as ProbeSource<number>;
      }),
      abortable(controller.signal),
    );
    const reading = outcome(stream);
    await settle();
    if (how === 'return') await stream.return();
    else if (how === 'abort') controller.abort(boom);
    else made[0]?.fail(boom);
    expect(await reading).toEqual(how === 'return' ? [] : [boom]);
    await settle();
    expect(made.map(({ isOpen }) => isOpen)).toEqual([false]);
  });
});

describe('batch', () => {
  it('sets no timer when `sizeOf` has closed the stream', async () => {
    const clock = new VirtualClock();
    const close = (): number => {
      stream.return();
      return 1;
    };
    const stream: Stream<number[]> = batch<number>({ maxBytes: 9, maxMs: 5, sizeOf: close, clock })([1, 2]);
    expect(await outcome(stream)).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});

describe('adaptiveBatch', () => {
  it.each([0, 1])(
    'gives what it holds, then fails, when `pressure` throws, also in a timer (call %i)',
    async (call) => {
      const clock = new VirtualClock();
      let calls = 0;
      const source = new ProbeSource<number>();
      const stream = adaptiveBatch<number>({ clock, pressure: () => (calls++ < call ? 1 : fail()) })(source);
      const reading = outcome(stream);
      source.push(1);
      await clock.advance(100);
      expect(await reading).toEqual([[1], boom]);
      expect([source.returns, clock.pending]).toEqual([1, 0]);
    },
  );
});
