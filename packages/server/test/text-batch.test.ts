// One row per turn for the text that comes in it: nothing lost, nothing out of order, and a token alone is not held.
import { progressUpdate, type ThreadStreamEvent, textDelta } from '@chatkit/core';
import { atTurnEnd } from '@chatkit/transport';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TextBatch } from '../src/text-batch.ts';

const turnEnds = () => new Promise<void>((resolve) => atTurnEnd(resolve));

/** Gives events to a batch as the core loop does: what does not continue begins, and what is no text ends. */
const give = (batch: TextBatch, event: ThreadStreamEvent, sayOther: (event: ThreadStreamEvent) => void = () => {}) => {
  if (batch.continues(event)) return batch.add(event.update.delta);
  if (event.type === 'thread.item.updated' && event.update.type === 'assistant_message.content_part.text_delta')
    return batch.begin(event.item_id, event.update.content_index, event.update.delta);
  const room = batch.end();
  sayOther(event);
  return room;
};
const recording = () => {
  const said: ThreadStreamEvent[][] = [];
  const batch = new TextBatch((itemId, part, deltas) => {
    said.push(deltas.map((delta) => textDelta(itemId, delta, part)));
    return undefined;
  });
  return { said, batch, give: (event: ThreadStreamEvent) => give(batch, event, (other) => said.push([other])) };
};

test('what goes in comes out, once and in order, however the turns fall', async () => {
  const place = fc.record({ id: fc.constantFrom('a', 'a', 'a', 'b'), part: fc.constantFrom(0, 0, 0, 1) });
  const step = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.tuple(place, fc.string({ maxLength: 3 })).map(([{ id, part }, text]) => textDelta(id, text, part)),
    },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }).map((n) => textDelta('a', 'x'.repeat(n * 2048))) },
    { weight: 2, arbitrary: fc.string({ maxLength: 3 }).map((text) => progressUpdate(text)) },
    { weight: 2, arbitrary: fc.constant('turn' as const) },
    { weight: 1, arbitrary: fc.constant('end' as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
      const { said, batch, give } = recording();
      const given: ThreadStreamEvent[] = [];
      let isFirst = true;
      for (const each of steps) {
        if (each === 'turn') await turnEnds();
        else if (each === 'end') batch.end();
        else {
          given.push(each);
          give(each);
        }
        // The first text of a turn, and all that is not text, is there at once; and after a turn everything is.
        const isText = typeof each === 'object' && each.type === 'thread.item.updated';
        if (!isText || isFirst) expect(said.flat()).toEqual(given);
        expect(given.length - said.flat().length).toBeLessThan(32);
        if (each === 'turn') isFirst = true;
        else if (isText) isFirst = false;
      }
      await turnEnds();
      expect(said.flat()).toEqual(given);
      expect(said.every((events) => events.length > 0 && events.length <= 32)).toBe(true);
    }),
  );
});

test('only more text for the part that has begun in this turn continues', async () => {
  const { batch } = recording();
  const odd = (event: object): ThreadStreamEvent => event as ThreadStreamEvent;
  expect(batch.continues(textDelta('a', 'x'))).toBe(false);
  batch.begin('a', 0, 'x');
  expect(batch.continues(textDelta('a', 'x'))).toBe(true);
  for (const other of [
    textDelta('b', 'x'),
    textDelta('a', 'x', 1),
    textDelta('a', 'x'.repeat(10_000)),
    progressUpdate('x'),
    odd({ type: 'thread.item.updated', item_id: 'a' }),
    odd({ ...textDelta('a', 'x'), update: { ...textDelta('a', 'x').update, delta: 7 } }),
    undefined as unknown as ThreadStreamEvent,
  ])
    expect(batch.continues(other)).toBe(false);
  batch.end();
  expect(batch.continues(textDelta('a', 'x'))).toBe(false);
  batch.begin('a', 0, 'x');
  await turnEnds();
  expect(batch.continues(textDelta('a', 'x'))).toBe(false);
});

test('a turn of text is two rows: its first token, and the rest', async () => {
  const { said, give } = recording();
  for (const text of ['a', 'b', 'c', 'd']) give(textDelta('a', text));
  expect(said.map((events) => events.length)).toEqual([1]);
  await turnEnds();
  expect(said.map((events) => events.length)).toEqual([1, 3]);
});

test('what waits is said before the end of the turn that was asked for as the first text was said', async () => {
  const order: string[] = [];
  const batch = new TextBatch((_itemId, _part, { length }) => {
    order.push(`say ${length}`);
    // As the connection does that a reader of the log is woken for.
    if (order.length === 1) atTurnEnd(() => order.push('write'));
    return undefined;
  });
  for (const text of ['a', 'b', 'c']) give(batch, textDelta('a', text));
  await turnEnds();
  expect(order).toEqual(['say 1', 'say 2', 'write']);
});

test('what throws at the end of a turn fails the next call, once', async () => {
  let isFull = false;
  const batch = new TextBatch(() => {
    if (isFull) throw new Error('full');
    return undefined;
  });
  give(batch, textDelta('a', 'a'));
  give(batch, textDelta('a', 'b'));
  isFull = true;
  await turnEnds();
  isFull = false;
  expect(() => give(batch, textDelta('a', 'c'))).toThrow('full');
  expect(give(batch, textDelta('a', 'd'))).toBeUndefined();
});

test('the promise is given to the one who brings the text that led to it', () => {
  const room = Promise.resolve();
  const batch = new TextBatch(() => room);
  expect(give(batch, textDelta('a', 'first'))).toBe(room);
  for (let n = 0; n < 31; n += 1) expect(give(batch, textDelta('a', 'x'))).toBeUndefined();
  expect(give(batch, textDelta('a', 'thirty-second'))).toBe(room);
});
