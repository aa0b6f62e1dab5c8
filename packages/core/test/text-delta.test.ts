import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isTextDelta, textDelta } from '../src/index.ts';
import { threadStreamEvent } from './arbitraries/event.ts';
import { json } from './arbitraries/json.ts';

it('law: it is a text delta that textDelta() makes, and no other event', () => {
  expect(isTextDelta(textDelta('msg_1', ''))).toBe(true);
  expect(isTextDelta({ ...textDelta('msg_1', ''), type: 'thread.sparkled' } as never)).toBe(false);
  fc.assert(
    fc.property(threadStreamEvent, (event) => {
      const update = event.type === 'thread.item.updated' ? event.update : undefined;
      expect(isTextDelta(event)).toBe(update?.type === 'assistant_message.content_part.text_delta');
      if (isTextDelta(event))
        expect(event).toEqual(textDelta(event.item_id, event.update.delta, event.update.content_index));
    }),
  );
});

it('law: what an application yields instead of an event is none', () => {
  const type = 'thread.item.updated';
  const half = { type: 'assistant_message.content_part.text_delta', content_index: 0, delta: null };
  fc.assert(
    fc.property(fc.oneof(json, fc.constant(half)), (update) => {
      expect(isTextDelta({ type, item_id: 'msg_1', update } as never)).toBe(false);
    }),
  );
});
