// What a database gets of a run are all of its entries, in batches that say where they belong.
import { entriesOfRow, formatOffset, type LogEntry, type TextRow } from '@chatkit/core';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { BatchDrafts } from '../src/shared/batch-drafts.ts';
import { decodeBatch } from '../src/shared/batch-text.ts';
import { entrySize } from '../src/shared/event-size.ts';

const aStep = fc.record({
  of: fc.constantFrom('row', 'row', 'row', 'event', 'gap', 'epoch', 'write'),
  itemId: fc.constantFrom('a', 'a', 'b'),
  part: fc.constantFrom(0, 0, 1),
  deltas: fc.array(fc.string({ maxLength: 3 }), { minLength: 1, maxLength: 4 }),
  length: fc.constantFrom(0, 0, 0, 30_000, 70_000),
});

test('batches hold every entry once, each the neighbours of one epoch, and not too many', () => {
  fc.assert(
    fc.property(fc.array(aStep, { maxLength: 30, size: 'max' }), (steps) => {
      const drafts = new BatchDrafts();
      const all: LogEntry[] = [];
      let bytes = 0;
      let [epoch, seq] = [1, 0];
      for (const { of, itemId, part, deltas, length } of steps) {
        if (of === 'gap') seq += 1;
        else if (of === 'epoch') [epoch, seq] = [epoch + 1, 0];
        else if (of === 'write') void drafts.list.at(-1)?.text;
        else {
          const offset = formatOffset(epoch, seq + 1);
          const row: TextRow = { epoch, seq: seq + 1, itemId, part, deltas };
          const event: LogEntry = { offset, event: { type: 'progress_update', text: 'x'.repeat(length) } };
          const entries = of === 'row' ? entriesOfRow(row) : [event];
          bytes += drafts.add(of === 'row' ? row : event);
          seq += entries.length;
          all.push(...entries);
        }
      }
      const end: LogEntry = { offset: formatOffset(epoch, seq + 1), end: 'completed' };
      bytes += drafts.add(end);
      all.push(end);

      let before = { epoch: 0, seq: 0 };
      const told: LogEntry[] = [];
      for (const draft of drafts.list) {
        const entries = decodeBatch(draft.text, draft.epoch, draft.seq);
        expect(draft.before).toEqual(before);
        expect(draft.bytes).toBe(entries.reduce((sum, entry) => sum + entrySize(entry), 0));
        if (entries.length > 1) expect(draft.bytes).toBeLessThanOrEqual(64 * 1024);
        expect(draft.outcome).toBe(draft === drafts.list.at(-1) ? 'completed' : '');
        told.push(...entries);
        before = { epoch: draft.epoch, seq: draft.seq };
      }
      expect(told).toEqual(all);
      expect(bytes).toBe(drafts.list.reduce((sum, draft) => sum + draft.bytes, 0));
    }),
    { numRuns: 200 },
  );
});
