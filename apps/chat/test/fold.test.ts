import { assistantMessage, type ThreadItem, userMessage } from '@chatkit/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { answerOf } from '../web/parts/answer-of.ts';
import { drawnOf, type Fold, unfold } from '../web/parts/fold.ts';

const thread_id = 'thr_1';
const paragraphs = (lengths: readonly number[]) => lengths.map((length) => 'x'.repeat(length)).join('\n\n');

const conversation = fc
  .array(fc.oneof(fc.constant('question' as const), fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 8 })), {
    maxLength: 8,
  })
  .map((turns) =>
    turns.map((turn, index): ThreadItem => {
      const id = `msg_${index}`;
      return turn === 'question'
        ? userMessage({ id, thread_id, text: 'Why?' })
        : assistantMessage({ id, thread_id, text: paragraphs(turn) });
    }),
  );

/** Everything that is drawn, one name for each question and each block. */
const drawn = (items: readonly ThreadItem[], fold: Fold | undefined): string[] =>
  drawnOf(items, fold).flatMap(({ item, hidden }) => {
    const blocks = item.type === 'assistant_message' ? answerOf(item).blocks : [];
    return [item.id, ...blocks.map((_, block) => `${item.id} ${block}`).slice(hidden)];
  });

test('a conversation is unfolded from its end, a little at a time, until all of it is drawn', () => {
  fc.assert(
    fc.property(conversation, fc.integer({ min: 1, max: 400 }), (items, chars) => {
      const all = drawn(items, undefined);
      let fold = unfold(items, chars);
      let before: string[] = [];
      let steps = 0;
      for (; fold !== undefined; steps += 1) {
        const now = drawn(items, fold);
        // What was drawn stays, and there is more of it, but not of everything at once.
        expect(now.length).toBeGreaterThan(before.length);
        expect(now.filter((each) => before.includes(each))).toEqual(before);
        const fresh = now.filter((each) => !before.includes(each) && each.includes(' '));
        expect(fresh.length * 40).toBeLessThanOrEqual(chars + 40);
        // The end is always there.
        expect(now.at(-1)).toBe(all.at(-1));
        before = now;
        fold = unfold(items, chars, fold);
      }
      expect(drawn(items, fold)).toEqual(all);
      expect(steps).toBeLessThanOrEqual(all.length);
    }),
  );
});

test('what is written meanwhile is drawn, and so is all of a conversation whose item is gone', () => {
  const answer = (id: string, text: string) => assistantMessage({ id, thread_id, text });
  const items = [answer('a', paragraphs([100, 100])), answer('b', paragraphs([100, 100]))];
  const fold = unfold(items, 100);
  expect(fold).toEqual({ itemId: 'b', block: 1 });
  expect(drawn([...items, answer('c', 'new')], fold)).toEqual(['b', 'b 1', 'c', 'c 0']);
  expect(drawn([items[0] as ThreadItem], fold)).toEqual(['a', 'a 0', 'a 1']);
  expect(unfold([items[0] as ThreadItem], 100, fold)).toBeUndefined();
});

test('the fold is looked for once, not once for each item', () => {
  let reads = 0;
  const items = Array.from({ length: 100 }, (_, index): ThreadItem => {
    const item = userMessage({ id: `msg_${index}`, thread_id, text: 'Why?' });
    return Object.defineProperty(item, 'id', {
      get: () => {
        reads += 1;
        return `msg_${index}`;
      },
    });
  });
  expect(drawnOf(items, { itemId: 'msg_90', block: 0 })).toHaveLength(10);
  expect(reads).toBeLessThanOrEqual(items.length);
});
