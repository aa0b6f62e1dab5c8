// What the Redis log writes by hand is what JSON.stringify would write, as far as a reader can tell.
import type { ThreadStreamEvent } from '@chatkit/core';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeEvent } from '../src/redis/encode-event.ts';

const aText = fc.string({ unit: 'binary' });
const aDelta = fc.record({
  type: fc.constant('thread.item.updated'),
  item_id: aText,
  update: fc.record({
    type: fc.constant('assistant_message.content_part.text_delta'),
    content_index: fc.nat(),
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
      { ...delta, item_id: undefined },
      { item_id: delta.item_id, update: delta.update, type: delta.type },
    ),
  );

test('a text delta is written byte for byte as JSON.stringify writes it', () => {
  fc.assert(
    fc.property(aDelta, (event) => {
      expect(encodeEvent(event as ThreadStreamEvent)).toBe(JSON.stringify(event));
    }),
    { numRuns: 500 },
  );
});

test('any other event has the same meaning', () => {
  fc.assert(
    fc.property(anOddOne, (event) => {
      const text = encodeEvent(event as unknown as ThreadStreamEvent);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(event)));
    }),
    { numRuns: 500 },
  );
});
