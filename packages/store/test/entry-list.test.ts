// The list behind the memory log: whatever is pushed and dropped, it says what an array of the entries would say.
import {
  entriesOfRow,
  formatOffset,
  isTextRow,
  type LogEntry,
  parseOffset,
  progressUpdate,
  type TextRow,
  type ThreadStreamEvent,
  textDelta,
} from '@chatkit/core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EntryList } from '../src/shared/entry-list.ts';
import { entrySize } from '../src/shared/event-size.ts';

const odd = (event: ThreadStreamEvent, more: object): ThreadStreamEvent => ({ ...event, ...more });
const anEvent: fc.Arbitrary<ThreadStreamEvent> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.constantFrom('a', 'b'), fc.string(), fc.nat(1))
      .map(([id, text, part]) => textDelta(id, text, part)),
  },
  { weight: 1, arbitrary: fc.string().map((text) => progressUpdate(text)) },
  // Deltas that are more than a delta, or less: they may not become one.
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      odd(textDelta('a', 'x'), { extra: 1 }),
      odd(textDelta('a', 'x'), { update: { ...textDelta('a', 'x').update, extra: 1 } }),
      odd(textDelta('a', 'x'), { update: { type: 'assistant_message.content_part.text_delta', delta: 'x' } }),
      odd(textDelta('a', 'x'), {
        update: { type: 'assistant_message.content_part.text_delta', content_index: undefined, delta: 'x' },
      }),
      odd(textDelta('a', 'x'), { item_id: 7 }),
    ),
  },
);
/** Offsets grow: by one, by more, with another epoch, or they are somebody else's. */
const aStep = fc.constantFrom('next', 'next', 'next', 'next', 'gap', 'epoch', 'foreign');
const entriesOf = (given: readonly [ThreadStreamEvent, string][]): LogEntry[] => {
  let epoch = 1;
  let seq = 0;
  return given.map(([event, step], at) => {
    if (step === 'epoch') [epoch, seq] = [epoch + 1, 0];
    seq += step === 'gap' ? 3 : 1;
    return { offset: step === 'foreign' ? `~${String(at).padStart(4, '0')}` : formatOffset(epoch, seq), event };
  });
};
const push = (list: EntryList, entry: LogEntry, size: number) => list.push(entry, parseOffset(entry.offset), size);

describe('EntryList', () => {
  it('gives every entry as it was, wherever it is asked, and counts bytes as an array of sizes would', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anEvent, aStep), { maxLength: 200 }),
        fc.array(fc.nat({ max: 5 }), { maxLength: 200 }),
        fc.array(fc.boolean(), { maxLength: 200 }),
        (given, drops, begins) => {
          const entries = entriesOf(given);
          const list = new EntryList();
          const appendedWith = (at: number) => {
            let count = 1;
            while (at + count < entries.length && begins[at + count] === false) count += 1;
            return count;
          };
          let first = 0;
          for (const [at, entry] of entries.entries()) {
            if (begins[at] ?? true) list.beginAppend(appendedWith(at));
            push(list, entry, at + 1);
            for (let drop = drops[at] ?? 1; drop > 0 && first < at; drop -= 1) {
              list.dropFirst();
              first += 1;
            }
            expect([list.first, list.end, list.last]).toEqual([first, at + 1, entry]);
            expect(list.at(at)).toBe(entry);
            expect(list.at(first)).toEqual(entries[first]);
            expect(list.lastDropped()).toBe(entries[first - 1]?.offset);
            expect(list.bytesBefore(at)).toBe((at * (at + 1)) / 2);
            expect(list.dropped).toBe((first * (first + 1)) / 2);
          }
          for (let at = first; at < entries.length; at += 1) expect(list.at(at)).toStrictEqual(entries[at]);
          expect(list.at(first - 1)).toBeUndefined();
          expect(list.at(entries.length)).toBeUndefined();
        },
      ),
    );
  });

  it('keeps a row as it keeps its entries, and gives either as the other', () => {
    const aRow = fc.record({
      itemId: fc.constantFrom('a', 'b'),
      part: fc.constantFrom(0, 0, 1),
      deltas: fc.array(fc.string({ maxLength: 3 }), { minLength: 1, maxLength: 6 }),
      gap: fc.constantFrom(0, 0, 0, 2),
      as: fc.constantFrom('row', 'row', 'entries', 'another'),
    });
    fc.assert(
      fc.property(fc.array(aRow, { maxLength: 30 }), fc.nat(60), (rows, drops) => {
        const [list, plain] = [new EntryList(), new EntryList()];
        const all: LogEntry[] = [];
        let seq = 1;
        for (const { gap, as, ...more } of rows) {
          const row: TextRow = { ...more, epoch: 1, seq: seq + gap };
          const entries: LogEntry[] =
            as === 'another' ? [{ offset: formatOffset(1, row.seq), event: progressUpdate('x') }] : entriesOfRow(row);
          seq = row.seq + entries.length;
          all.push(...entries);
          expect(list.isNewRow(row)).toBe(true);
          list.beginAppend(entries.length);
          plain.beginAppend(entries.length);
          for (const entry of entries) push(plain, entry, entrySize(entry));
          if (as === 'row') {
            list.pushRow(row);
            expect(list.rowAt(list.end - row.deltas.length)).toBe(row);
            expect(list.isNewRow(row)).toBe(false);
          } else for (const entry of entries) push(list, entry, entrySize(entry));
        }
        for (let drop = 0; drop < Math.min(drops, all.length); drop += 1) {
          list.dropFirst();
          plain.dropFirst();
        }
        expect([list.total, list.dropped, list.lastDropped()]).toEqual([
          plain.total,
          plain.dropped,
          plain.lastDropped(),
        ]);
        for (let at = list.first; at < all.length; at += 1) {
          expect(list.at(at)).toEqual(all[at]);
          expect(list.bytesBefore(at)).toBe(plain.bytesBefore(at));
          const read = list.rowAt(at) as LogEntry | TextRow;
          const entries = isTextRow(read) ? entriesOfRow(read) : [read];
          expect(entries).toEqual(all.slice(at, at + entries.length));
        }
        expect(list.rowAt(list.first - 1)).toBeUndefined();
        expect(list.rowAt(all.length)).toBeUndefined();
      }),
    );
  });

  it('tells a new offset from one that has been here', () => {
    const list = new EntryList();
    const isNew = (offset: string) => list.isNew(offset, parseOffset(offset));
    expect(isNew('1-1')).toBe(true);
    push(list, { offset: '2-9', event: textDelta('a', 'x') }, 1);
    expect(['1-10', '2-8', '2-9', '2-10', '3-1'].map(isNew)).toEqual([false, false, false, true, true]);
    push(list, { offset: 'x1', event: textDelta('a', 'x') }, 1);
    expect(['x0', 'x1', 'x2'].map(isNew)).toEqual([false, false, true]);
  });
});
