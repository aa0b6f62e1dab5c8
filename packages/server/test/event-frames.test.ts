// The frames of a run: the plain serializer's bytes, whatever comes, and encoded once for all readers of it.
import {
  assistantMessage,
  isTextRow,
  itemAdded,
  type LogEntry,
  progressUpdate,
  serializeEvent,
  type TextRow,
  type ThreadStreamEvent,
  textDelta,
} from '@chatkit/core';
import { encodeSse } from '@chatkit/transport';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DeltaMerger } from '../src/delta-merger.ts';
import { EventFrames } from '../src/event-frames.ts';
import { PlainEncoder, ResumableEncoder } from '../src/frame-encoders.ts';

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
      const frames = new EventFrames();
      for (const entry of all) {
        const expected = encodeSse({ data: serializeEvent(entry.event) });
        expect(frames.frameOf(entry)).toBe(expected);
        expect(frames.frameOf(entry)).toBe(expected);
      }
    }),
  );
});

/** Entries, the text of one part together in rows of at most `most`. */
const rowsOf = (all: readonly EventEntry[], most: number): (EventEntry | TextRow)[] => {
  const rows: (EventEntry | TextRow)[] = [];
  for (const [at, entry] of all.entries()) {
    const { event } = entry;
    const last = rows.at(-1);
    if (event.type !== 'thread.item.updated' || event.update.type !== 'assistant_message.content_part.text_delta') {
      rows.push(entry);
      continue;
    }
    const { item_id: itemId, update } = event;
    const { content_index: part, delta } = update;
    if (
      last !== undefined &&
      isTextRow(last) &&
      last.itemId === itemId &&
      last.part === part &&
      last.deltas.length < most
    )
      rows[rows.length - 1] = { ...last, deltas: [...last.deltas, delta] };
    else rows.push({ epoch: 1, seq: at + 1, itemId, part, deltas: [delta] });
  }
  return rows;
};

test('a row says, on the wire, what its entries say: to a plain client every byte, to one that resumes every merged text', () => {
  fc.assert(
    fc.property(entries, fc.integer({ min: 1, max: 20 }), (all, most) => {
      const rows = rowsOf(all, most);
      const plain = (read: readonly (LogEntry | TextRow)[]) => {
        const encoder = new PlainEncoder(new EventFrames());
        return read.map((each) => encoder.add(each)).join('');
      };
      expect(plain(rows)).toBe(plain(all));
      const resumable = (read: readonly (LogEntry | TextRow)[]) => {
        const encoder = new ResumableEncoder(new EventFrames(), 1);
        return read.map((each) => encoder.add(each)).join('') + encoder.rest() + encoder.offset();
      };
      expect(resumable(rows)).toBe(resumable(all));
    }),
  );
});

test('merging loses nothing, and joins what is there together, however the entries come', () => {
  fc.assert(
    fc.property(entries, fc.array(fc.integer({ min: 1, max: 7 })), (all, sizes) => {
      const merger = new DeltaMerger();
      const out: LogEntry[] = [];
      const give = (entry: LogEntry | undefined) => entry && out.push(entry);
      const expected: EventEntry[] = [];
      for (let at = 0, turn = 0; at < all.length; turn += 1) {
        const together = all.slice(at, at + (sizes[turn] ?? 3));
        at += together.length;
        for (const entry of together) give(merger.add(entry));
        give(merger.rest());
        expected.push(...mergedByHand(together));
      }
      expect(out).toEqual(expected);
      expect(merger.rest()).toBeUndefined();
    }),
  );
});

/** Neighbours of one part, in the order of the events. */
const mergedByHand = (entries: readonly EventEntry[]): EventEntry[] => {
  const merged: EventEntry[] = [];
  for (const entry of entries) {
    const [a, b] = [merged.at(-1)?.event, entry.event];
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
      const event = textDelta(a.item_id, a.update.delta + b.update.delta, a.update.content_index);
      merged[merged.length - 1] = { offset: entry.offset, event };
    } else merged.push(entry);
  }
  return merged;
};

test('a merged delta has an end, so that no frame grows without bound', () => {
  const merger = new DeltaMerger();
  const lengths: number[] = [];
  for (let at = 1; at <= 100; at += 1) {
    const given = merger.add({ offset: `1-${at}`, event: textDelta('a', 'x'.repeat(1000)) });
    if (given !== undefined) lengths.push(JSON.stringify(given).length);
  }
  expect(lengths.length).toBeGreaterThan(4);
  expect(Math.max(...lengths)).toBeLessThan(20 * 1024);
});
