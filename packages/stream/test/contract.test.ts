/**
 * The cancellation contract, rule by rule, over every operator that has one source and passes items through. An
 * operator is added to `operators`, and has to keep all of it.
 */

import { describe, expect, it } from 'vitest';
import {
  abortable,
  batch,
  broadcast,
  buffer,
  coalesce,
  concat,
  drop,
  filter,
  flatMap,
  from,
  heartbeat,
  interruptible,
  map,
  mapAsync,
  merge,
  pipe,
  race,
  rateLimit,
  replayThenTail,
  retry,
  type Source,
  type Stream,
  scan,
  stallWatchdog,
  take,
  takeWhile,
  tap,
  tee,
  timeout,
} from '../src/index.ts';
import { ProbeSource, stateOf } from './support/probe-source.ts';
import { settle } from './support/virtual-clock.ts';

type Build = (source: Source<number>) => Stream<unknown>;

const operators: Record<string, Build> = {
  from: (source) => from(source),
  map: map((item: number) => item),
  'map async': map(async (item: number) => item),
  filter: filter(() => true),
  take: take(1e9),
  merge: (source) => merge(source),
  abortable: abortable(new AbortController().signal),
  interruptible: interruptible(),
  timeout: timeout({ firstMs: 1e6, idleMs: 1e6, totalMs: 1e9 }),
  heartbeat: heartbeat({ everyMs: 1e6, value: -1 }),
  takeWhile: takeWhile(() => true),
  drop: drop(0),
  scan: scan((_result: number, item: number) => item, 0),
  tap: tap(() => {}),
  flatMap: flatMap((item: number) => [item]),
  'flatMap async': flatMap(async (item: number) => from([item])),
  'mapAsync ordered': mapAsync(async (item: number) => item, { concurrency: 3 }),
  'mapAsync unordered': mapAsync((item: number) => item, { concurrency: 3, ordered: false }),
  concat: (source) => concat(source, []),
  race: (source) => race(source),
  'merge of two': (source) => merge(source, new ProbeSource<number>().end()),
  'buffer block': buffer({ capacity: 4 }),
  'buffer drop-oldest': buffer({ capacity: 1e6, overflow: 'drop-oldest', lagged: () => -1 }),
  coalesce: coalesce({ key: () => undefined, merge: (a: number) => a, capacity: 4 }),
  rateLimit: rateLimit({ count: 1e9, perMs: 1 }),
  stallWatchdog: stallWatchdog({ afterMs: 1e6, onStall: () => {} }),
  retry: (source) => retry(() => source, { retries: 0 }),
  tee: (source) => {
    const [left, right] = tee(source);
    right.return();
    return left;
  },
  broadcast: (source) => broadcast(source).subscribe(),
  replayThenTail: (source) => replayThenTail({ replay: [], tail: source, position: (item) => item }),
  'replayThenTail replay': (source) =>
    replayThenTail({ replay: source, tail: new ProbeSource<number>().end(), position: (item) => item }),
  'four in a row': (source) =>
    pipe(
      source,
      map((item) => item + 1),
      filter(() => true),
      tap(async () => {}),
      map((item) => item - 1),
    ),
  'batches, taken apart': (source) =>
    pipe(
      source,
      batch({ maxItems: 1 }),
      flatMap((items) => items),
    ),
};

const done = { done: true, value: undefined };

describe.each(Object.entries(operators))('%s', (name, build) => {
  it('pulls nothing before the first next() (rule 1)', async () => {
    const source = new ProbeSource([1, 2]);
    const stream = build(source);
    await settle();
    expect(source.nexts).toBe(0);
    await stream.return();
  });

  it('closes an idle source and waits for its cleanup (rules 2 and 4)', async () => {
    const source = new ProbeSource([1, 2]);
    let finish = () => {};
    source.cleanup = new Promise((resolve) => {
      finish = resolve;
    });
    const stream = build(source);
    await stream.next();
    await settle();
    if (source.inFlight > 0) return void stream.return(); // reads ahead: there is nothing to wait for
    const returned = stream.return();
    expect(source.returns).toBe(1);
    expect((await stateOf(returned)).state).toBe('pending');
    finish();
    expect(await returned).toEqual(done);
  });

  it('closes the source and settles every pending next() in the same turn (rules 2 and 3)', async () => {
    const source = new ProbeSource([1]);
    const stream = build(source);
    await stream.next();
    const pending = [stream.next(), stream.next(), stream.next()];
    await settle();
    const returned = stream.return();
    expect(source.returns).toBe(1);
    for (const next of pending) expect(await stateOf(next)).toEqual({ state: 'fulfilled', value: done });
    expect(await stateOf(returned)).toEqual({ state: 'fulfilled', value: done });
    expect(await stream.next()).toEqual(done);
  });

  it('is not held up by a source that is stuck (rule 4)', async () => {
    const source = new ProbeSource<number>();
    source.isStuck = true;
    const stream = build(source);
    const next = stream.next();
    await settle();
    expect(await stateOf(stream.return())).toEqual({ state: 'fulfilled', value: done });
    expect(await stateOf(next)).toEqual({ state: 'fulfilled', value: done });
    expect(source.returns).toBe(1);
  });

  // `retry` has no source before it is read: its factory has not been called.
  it.skipIf(name === 'retry')('closes a source that was never read (rule 2)', async () => {
    const source = new ProbeSource([1]);
    await build(source).return();
    expect([source.nexts, source.returns]).toEqual([0, 1]);
  });

  it.each([new Error('boom'), undefined, null, 0])(
    'delivers the items, then the error %s once (rule 6)',
    async (error) => {
      const source = new ProbeSource([1, 2]).fail(error);
      const stream = build(source);
      expect([await stream.next(), await stream.next()].map(({ value }) => value)).toEqual([1, 2]);
      expect(await stateOf(stream.next())).toEqual({ state: 'rejected', error });
      expect(await stream.next()).toEqual(done);
      await stream.return();
      expect([source.returns, source.nextsAfterEnd]).toEqual([0, 0]);
    },
  );

  it('gives the error of the cleanup to return() (rule 7)', async () => {
    const source = new ProbeSource([1]);
    const error = new Error('cleanup');
    const stream = build(source);
    await stream.next();
    await settle();
    if (source.inFlight > 0) return void stream.return();
    source.cleanup = Promise.reject(error);
    expect(await stateOf(stream.return())).toEqual({ state: 'rejected', error });
  });

  it('settles overlapping next() calls in order, one source call at a time (rules 1 and 10)', async () => {
    const source = new ProbeSource<number>();
    const stream = build(source);
    const order: number[] = [];
    const nexts = [0, 1, 2].map((index) =>
      stream.next().then((result) => {
        order.push(index);
        return result.value;
      }),
    );
    for (let item = 0; item < 3; item++) {
      await settle();
      source.push(item);
    }
    expect(await Promise.all(nexts)).toEqual([0, 1, 2]);
    expect(order).toEqual([0, 1, 2]);
    expect(source.maxInFlight).toBe(1);
    await stream.return();
  });

  it('closes once, whatever is called (rule 10)', async () => {
    const source = new ProbeSource([1]);
    const stream = build(source);
    await stream.next();
    await Promise.all([stream.return(), stream.return(), stream[Symbol.asyncDispose]()]);
    expect(await stream.return(5)).toEqual({ done: true, value: 5 });
    await expect(stream.throw(new Error('mine'))).rejects.toThrow('mine');
    expect(source.returns).toBe(1);
  });

  it('lets timers run during 200,000 ready items (rule 9)', async () => {
    let fired = false;
    setTimeout(() => {
      fired = true;
    }, 0);
    let index = 0;
    const ready = {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.resolve(index < 2e5 ? { done: false, value: index++ } : { done: true, value: undefined }),
      }),
    } as AsyncIterable<number>;
    for await (const _ of build(ready)) if (fired) break;
    expect(fired).toBe(true);
  });
});
