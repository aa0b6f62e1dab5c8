// One append per turn for the text that comes in it: nothing lost, nothing out of order, and a token alone is not held.
import { progressUpdate, type ThreadStreamEvent, textDelta } from '@chatkit/core';
import { endOfTurn } from '@chatkit/transport';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventBatch } from '../src/event-batch.ts';

const turnEnds = () => new Promise<void>((resolve) => endOfTurn(resolve));

const recording = () => {
  const appends: ThreadStreamEvent[][] = [];
  const batch = new EventBatch((events) => {
    appends.push([...events]);
    return undefined;
  });
  return { appends, batch };
};

test('what goes in comes out, once and in order, however the turns fall', async () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.string({ maxLength: 3 }).map((text) => textDelta('a', text)) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }).map((n) => textDelta('a', 'x'.repeat(n * 2048))) },
    { weight: 2, arbitrary: fc.string({ maxLength: 3 }).map((text) => progressUpdate(text)) },
    { weight: 2, arbitrary: fc.constant('turn' as const) },
    { weight: 1, arbitrary: fc.constant('flush' as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
      const { appends, batch } = recording();
      const given: ThreadStreamEvent[] = [];
      let isFirst = true;
      for (const each of steps) {
        if (each === 'turn') await turnEnds();
        else if (each === 'flush') batch.flush();
        else {
          given.push(each);
          batch.add(each);
        }
        // The first of a turn, and all that is not text, is there at once; and after a turn everything is.
        const isEvent = typeof each === 'object';
        const mustBeThere = !isEvent || isFirst || each.type !== 'thread.item.updated';
        if (mustBeThere) expect(appends.flat()).toEqual(given);
        expect(given.length - appends.flat().length).toBeLessThan(16);
        if (each === 'turn') isFirst = true;
        else if (isEvent) isFirst = false;
      }
      await turnEnds();
      expect(appends.flat()).toEqual(given);
      expect(appends.every((events) => events.length > 0 && events.length <= 16)).toBe(true);
    }),
  );
});

test('a turn of text is two appends: its first token, and the rest', async () => {
  const { appends, batch } = recording();
  for (const text of ['a', 'b', 'c', 'd']) batch.add(textDelta('a', text));
  expect(appends.map((events) => events.length)).toEqual([1]);
  await turnEnds();
  expect(appends.map((events) => events.length)).toEqual([1, 3]);
});

test('what waits is appended before the end of the turn that was asked for as the first event arrived', async () => {
  const order: string[] = [];
  const batch = new EventBatch((events) => {
    order.push(`append ${events.length}`);
    // As the connection does that a reader of the log is woken for.
    if (order.length === 1) endOfTurn(() => order.push('write'));
    return undefined;
  });
  for (const text of ['a', 'b', 'c']) batch.add(textDelta('a', text));
  await turnEnds();
  expect(order).toEqual(['append 1', 'append 2', 'write']);
});

test('an append that throws at the end of a turn fails the next call, once', async () => {
  let isFull = false;
  const batch = new EventBatch(() => {
    if (isFull) throw new Error('full');
    return undefined;
  });
  batch.add(textDelta('a', 'a'));
  batch.add(textDelta('a', 'b'));
  isFull = true;
  await turnEnds();
  isFull = false;
  expect(() => batch.add(textDelta('a', 'c'))).toThrow('full');
  expect(batch.add(textDelta('a', 'd'))).toBeUndefined();
});

test('the promise of an append is given to the one who brings the event that led to it', () => {
  const room = Promise.resolve();
  const batch = new EventBatch(() => room);
  expect(batch.add(textDelta('a', 'first'))).toBe(room);
  for (let n = 0; n < 15; n += 1) expect(batch.add(textDelta('a', 'x'))).toBeUndefined();
  expect(batch.add(textDelta('a', 'sixteenth'))).toBe(room);
});
