// What the Redis log writes in a shorter form comes back as JSON.stringify would bring it back.
import type { ThreadStreamEvent } from '@chatkit/core';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { CommandText } from '../src/redis/command-text.ts';
import { decodeEvent, writeEvent } from '../src/redis/event-text.ts';
import { plainDelta } from '../src/shared/entry-list.ts';

const encode = (event: ThreadStreamEvent): string => {
  const text = new CommandText();
  writeEvent(text, event, plainDelta({ offset: '1-1', event }) !== undefined);
  return text.take();
};

const aText = fc.string({ unit: 'binary' });
const aDelta = fc.record({
  type: fc.constant('thread.item.updated'),
  item_id: fc.oneof(aText, fc.constantFrom('a', 'b')),
  update: fc.record({
    type: fc.constant('assistant_message.content_part.text_delta'),
    content_index: fc.oneof(fc.nat(), fc.maxSafeInteger(), fc.constantFrom(0, 1)),
    delta: aText,
  }),
});
/** The same with keys added, changed or missing. */
const anOddOne = fc
  .tuple(aDelta, fc.dictionary(fc.constantFrom('item_id', 'extra', 'update'), fc.jsonValue()), fc.jsonValue())
  .chain(([delta, more, value]) =>
    fc.constantFrom(
      { ...delta, ...more },
      { ...delta, update: { ...delta.update, delta: value } },
      { ...delta, update: { ...delta.update, content_index: value } },
      { ...delta, update: { ...delta.update, content_index: 0.5 } },
      { ...delta, item_id: undefined },
      { item_id: delta.item_id, update: delta.update, type: delta.type },
    ),
  );

test('every event of a run comes back with its meaning', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(aDelta, anOddOne), { maxLength: 20 }), (events) => {
      for (const event of events) {
        const back = decodeEvent(JSON.parse(encode(event as unknown as ThreadStreamEvent)));
        expect(back).toEqual(JSON.parse(JSON.stringify(event)));
      }
    }),
    { numRuns: 500 },
  );
});

test('a text delta comes back byte for byte', () => {
  fc.assert(
    fc.property(aDelta, (event) => {
      const back = decodeEvent(JSON.parse(encode(event as ThreadStreamEvent)));
      expect(JSON.stringify(back)).toBe(JSON.stringify(event));
    }),
    { numRuns: 500 },
  );
});

test('a text delta takes a sixth of its JSON', () => {
  const event: ThreadStreamEvent = {
    type: 'thread.item.updated',
    item_id: 'msg_1',
    update: { type: 'assistant_message.content_part.text_delta', content_index: 0, delta: ' token' },
  };
  expect(encode(event)).toBe('["msg_1",0," token"]');
});
