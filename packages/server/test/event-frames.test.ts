// The frames of a run: the plain serializer's bytes, whatever comes, and encoded once for all readers of it.
import {
  assistantMessage,
  itemAdded,
  type LogEntry,
  progressUpdate,
  serializeEvent,
  type ThreadStreamEvent,
  textDelta,
} from '@chatkit/core';
import { encodeSse } from '@chatkit/transport';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createEventFrames, framesOf } from '../src/event-frames.ts';
import { createDeltaMerger } from '../src/merge-deltas.ts';

type EventEntry = Extract<LogEntry, { event: ThreadStreamEvent }>;

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('"', '\\', '\n', '\ud800', '\u2028'),
);
const event = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .record({ id: fc.constantFrom('a', 'b"c'), part: fc.nat(2), delta: text })
      .map(({ id, part, delta }) => textDelta(id, delta, part)),
  },
  { weight: 1, arbitrary: text.map((line) => progressUpdate(line)) },
  { weight: 1, arbitrary: text.map((line) => itemAdded(assistantMessage({ id: 'a', thread_id: 't', text: line }))) },
);
const entries = fc
  .array(event, { maxLength: 40 })
  .map((events) => events.map((each, at): EventEntry => ({ offset: `1-${at + 1}`, event: each })));

test('every event of every sequence is framed as the plain serializer frames it', () => {
  fc.assert(
    fc.property(entries, (all) => {
      const { frameOf } = createEventFrames();
      for (const entry of all) {
        const expected = encodeSse({ data: serializeEvent(entry.event) });
        expect(frameOf(entry)).toBe(expected);
        expect(frameOf(entry)).toBe(expected);
      }
    }),
  );
});

test('all readers of a run share its frames', () => {
  const run = {};
  expect(framesOf(run)).toBe(framesOf(run));
  expect(framesOf({})).not.toBe(framesOf(run));
});

test('merging loses nothing, however the entries come in arrays and how far ahead the producer is', () => {
  fc.assert(
    fc.property(entries, fc.array(fc.integer({ min: 1, max: 7 })), (all, sizes) => {
      const newest = all.at(-1)?.offset;
      const merge = createDeltaMerger(() => newest);
      const out: LogEntry[] = [];
      for (let at = 0, turn = 0; at < all.length; turn += 1) {
        const size = sizes[turn] ?? 3;
        out.push(...merge(all.slice(at, at + size)));
        at += size;
      }
      expect(out.at(-1)?.offset).toBe(newest);
      const textOf = (list: readonly LogEntry[]) =>
        list.map((each) => ('event' in each ? serializeEvent(each.event) : '')).join('\n');
      // Merged by hand: neighbours of one part, in the order of the events.
      const expected: EventEntry[] = [];
      for (const entry of all) {
        const before = expected.at(-1);
        const [a, b] = [before?.event, entry.event];
        if (
          a?.type === 'thread.item.updated' &&
          b.type === 'thread.item.updated' &&
          a.item_id === b.item_id &&
          'delta' in a.update &&
          'delta' in b.update &&
          'content_index' in a.update &&
          'content_index' in b.update &&
          a.update.content_index === b.update.content_index
        ) {
          expected[expected.length - 1] = {
            offset: entry.offset,
            event: textDelta(a.item_id, a.update.delta + b.update.delta, a.update.content_index),
          };
        } else expected.push(entry);
      }
      expect(textOf(out)).toBe(textOf(expected));
    }),
  );
});

test('with the producer’s place unknown nothing is held back', () => {
  const merge = createDeltaMerger(() => undefined);
  const delta = (at: number): LogEntry => ({ offset: `1-${at}`, event: textDelta('a', 'x') });
  expect(merge([delta(1)])).toHaveLength(1);
  expect(merge([delta(2), delta(3)])).toHaveLength(1);
});
