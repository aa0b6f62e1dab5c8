/**
 * Random sequences of what a reader and a source can do, against the invariants of the contract. `N` next(), `P` the
 * source pushes an item, `E` it ends, `F` it fails, `R` return(), `T` everything that is ready runs.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { operators } from './support/operators.ts';
import { ProbeSource } from './support/probe-source.ts';
import { settle } from './support/virtual-clock.ts';

const boom = new Error('boom');

interface Call {
  state: 'pending' | 'value' | 'done' | 'rejected';
  value?: unknown;
  error?: unknown;
}

const command = fc.constantFrom('N', 'N', 'N', 'P', 'P', 'P', 'T', 'T', 'R', 'E', 'F');
const commands = fc.array(command, { minLength: 1, maxLength: 14 }).map((list) => list.join(''));

describe.each(Object.entries(operators))('%s', (name, build) => {
  it('keeps the contract under any sequence of calls', async () => {
    await fc.assert(
      fc.asyncProperty(commands, async (sequence) => {
        const source = new ProbeSource<number>();
        const stream = build(source);
        const calls: Call[] = [];
        const order: number[] = [];
        let pushed = 0;
        let ended: 'E' | 'F' | undefined;
        let returned: Promise<unknown> | undefined;
        let callsBeforeReturn = Number.POSITIVE_INFINITY;

        for (const step of sequence) {
          if (step === 'N') {
            const call: Call = { state: 'pending' };
            const index = calls.push(call) - 1;
            stream.next().then(
              (result) => {
                Object.assign(call, { state: result.done ? 'done' : 'value', value: result.value });
                order.push(index);
              },
              (error) => {
                Object.assign(call, { state: 'rejected', error });
                order.push(index);
              },
            );
          } else if (step === 'P' && ended === undefined) source.push(pushed++);
          else if (step === 'T') await settle();
          else if ((step === 'E' || step === 'F') && ended === undefined) {
            ended = step;
            if (step === 'E') source.end();
            else source.fail(boom);
          } else if (step === 'R' && returned === undefined) {
            await settle();
            const wasTerminal = calls.some(({ state }) => state === 'done' || state === 'rejected');
            callsBeforeReturn = calls.length;
            let isSettled = false;
            returned = stream.return().then(() => {
              isSettled = true;
            });
            if (!wasTerminal && !source.isOver && name !== 'retry') expect(source.returns).toBe(1);
            expect(source.returns).toBeLessThanOrEqual(1);
            for (let tick = 0; tick < 8; tick++) await Promise.resolve();
            expect(calls.filter(({ state }) => state === 'pending')).toEqual([]);
            await settle();
            expect(isSettled).toBe(true);
          }
        }
        await settle();
        await settle();

        // Items arrive whole and in order; an error comes behind them, once; then there is nothing but the end.
        const values = calls.filter(({ state }) => state === 'value').map(({ value }) => value);
        expect(values).toEqual(values.map((_, index) => index));
        const firstEnd = calls.findIndex(({ state }) => state === 'done' || state === 'rejected');
        if (firstEnd >= 0) {
          expect(calls.slice(firstEnd + 1).every(({ state }) => state === 'done' || state === 'pending')).toBe(true);
        }
        const rejected = calls.filter(({ state }) => state === 'rejected');
        expect(rejected.length).toBeLessThanOrEqual(1);
        if (rejected[0] !== undefined) {
          expect(rejected[0].error).toBe(boom);
          expect(values.length).toBe(pushed);
        }
        // Calls settle in order, and none hangs once the source is over or the stream closed.
        expect(order).toEqual([...order].sort((a, b) => a - b));
        if (returned !== undefined || ended !== undefined) {
          expect(calls.filter(({ state }) => state === 'pending')).toEqual([]);
        }
        expect(calls.slice(callsBeforeReturn).every(({ state }) => state === 'done')).toBe(true);
        // The source was treated by the rules.
        expect(source.maxInFlight).toBeLessThanOrEqual(1);
        expect(source.nextsAfterEnd).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it('gives the same items however the promises settle', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 0, max: 8 }), async (scheduler, count) => {
        let index = 0;
        const source: AsyncIterable<number> = {
          [Symbol.asyncIterator]: () => ({
            next: () =>
              scheduler.schedule(
                Promise.resolve(
                  index < count ? { done: false as const, value: index++ } : { done: true as const, value: undefined },
                ),
              ),
          }),
        };
        const got: unknown[] = [];
        const reading = (async () => {
          for await (const item of build(source)) got.push(item);
        })();
        await scheduler.waitFor(reading);
        expect(got).toEqual(Array.from({ length: count }, (_, item) => item));
      }),
      { numRuns: 30 },
    );
  });
});
