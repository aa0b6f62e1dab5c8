/**
 * The cancellation contract, rule by rule, over every operator that has one source and passes items through. An
 * operator is added to `support/operators.ts`, and has to keep all of it.
 */

import { describe, expect, it } from 'vitest';
import { stageOf } from '../src/engine/inlet.ts';
import { asyncDispose, outlet } from '../src/engine/outlet.ts';
import { ignoreCleanup } from '../src/engine/stage.ts';
import { adaptiveBatch, batch, concat, flatMap, latest, map, merge, throttle } from '../src/index.ts';
import { type Build, operators } from './support/operators.ts';
import { ProbeSource, stateOf } from './support/probe-source.ts';
import { StrictStage } from './support/strict-stage.ts';
import { settle } from './support/virtual-clock.ts';

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
    if (source.inFlight > 0) return void stream.return(); // reads ahead: there is no cleanup to wait for
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

  it('is over for the pipeline that took it on, when it is closed from outside', async () => {
    const source = new ProbeSource([1, 2, 3]);
    const stream = build(source);
    const further = map((item: unknown) => item)(stream);
    await further.next();
    await settle();
    await stream.return(); // while nobody asks
    expect(await stateOf(further.next())).toEqual({ state: 'fulfilled', value: done });
    expect(source.returns).toBe(1);
  });

  it('ends the pending next() of the pipeline that took it on, when it is closed from outside', async () => {
    const source = new ProbeSource<number>();
    const stream = build(source);
    const next = map((item: unknown) => item)(stream).next();
    await settle();
    await stream.return();
    expect(await stateOf(next)).toEqual({ state: 'fulfilled', value: done });
    expect(source.returns).toBe(1);
  });

  it('closes once, whatever is called (rule 10)', async () => {
    const source = new ProbeSource([1]);
    const stream = build(source);
    await stream.next();
    await Promise.all([stream.return(), stream.return(), stream[asyncDispose]()]);
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

/** Those that are there to read while nobody asks. */
const ahead = /atch.*ahead|bytes|adaptive|as they come|buffer|coalesce|throttle|mapAsync|replayThenTail$/;
const stages: Record<string, Build> = {
  ...operators,
  batch: batch({ maxItems: 2 }),
  'batch ahead': batch({ maxItems: 2, maxMs: 1e6 }),
  'batch of bytes': batch({ maxBytes: 10, sizeOf: () => 4, maxMs: 1e6 }),
  adaptiveBatch: adaptiveBatch({ maxItems: 2 }),
  throttle: throttle({ everyMs: 1e6 }),
  'flatMap, inside': (source) => flatMap(() => source)([0]),
  'flatMap, inside, late': (source) => flatMap(async () => source)([0]),
  'latest, inside': (source) => latest(() => source)([0]),
  'concat, behind': (source) => concat([], source),
  'merge, beside': (source) => merge(new ProbeSource<number>(), source),
};

describe.each(Object.entries(stages))('the stage of %s', (name, build) => {
  it.each([0, 1, 2, 3, 4, 9])(
    'answers each pull once, and only with an end once it is closed, %i in',
    async (pulls) => {
      for (const isEager of [true, false])
        for (const source of [new ProbeSource([1, 2, 3]), new ProbeSource([1, 2, 3]).fail(new Error('boom'))]) {
          const strict = new StrictStage<number>(stageOf(source));
          const stage = stageOf(build(outlet(strict)));
          const answers: string[] = [];
          let pulled = 0;
          const pull = (): void => {
            pulled++;
            stage.pull(sink);
          };
          /** The eager one pulls again before the answer has returned. */
          const take = (): void => {
            answers.push('items');
            if (isEager && pulled < pulls) pull();
          };
          const sink = {
            item: take,
            items: take,
            end: (failure?: object) => void answers.push(failure === undefined ? 'end' : 'failure'),
          };
          while (pulled < pulls && answers.length === pulled && (pulled === 0 || answers.at(-1) === 'items')) {
            pull();
            await settle();
          }
          const isOver = answers.length > 0 && answers.at(-1) !== 'items';
          const isOpen = answers.length < pulled;
          if (!ahead.test(name)) expect(strict.isOpen).toBe(isOpen);
          ignoreCleanup(stage.close());
          expect(answers.slice(pulled - (isOpen ? 1 : 0))).toEqual(isOpen ? ['end'] : []);
          source.push(4);
          if (!isOver) stage.pull(sink);
          await settle();
          expect(answers.slice(pulled)).toEqual(isOver ? [] : ['end']);
          expect(strict.faults).toEqual([]);
        }
    },
  );
});
