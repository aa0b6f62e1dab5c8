/** The lane for rows of text: another way to append and read the same entries, under the same rules. */
import {
  entriesOfRow,
  formatOffset,
  isTextRow,
  type LogEntry,
  type ReadOptions,
  type RowLane,
  rowLaneOf,
  type TextRow,
} from '@chatkit/core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endOf, freshRun, type LogKit, readAll } from './kit.ts';

const rowOf = (seq: number, deltas: readonly string[], more: Partial<TextRow> = {}): TextRow => ({
  epoch: 1,
  seq,
  itemId: 'a',
  part: 0,
  deltas,
  ...more,
});

const readRows = async (lane: RowLane, run: string, options?: ReadOptions): Promise<LogEntry[]> => {
  const all: LogEntry[] = [];
  for await (const read of lane.read(run, options)) all.push(...(isTextRow(read) ? entriesOfRow(read) : [read]));
  return all;
};

const aStep = fc.record({
  itemId: fc.constantFrom('a', 'a', 'a', 'b'),
  part: fc.constantFrom(0, 0, 1),
  deltas: fc.array(fc.string({ maxLength: 3 }), { minLength: 1, maxLength: 6 }),
  by: fc.constantFrom('row', 'row', 'entries'),
  /** How many earlier entries are appended again before it. */
  repeat: fc.constantFrom(0, 0, 1, 3),
});

export const describeRows = ({ log, smallLog, runs }: LogKit): void => {
  describe('rows', () => {
    const laneOfLog = (): RowLane => rowLaneOf(log()) as RowLane;

    it('gives what came by one way by the other, to readers that come early, late and in the middle', async () => {
      const lane = laneOfLog();
      await fc.assert(
        fc.asyncProperty(fc.array(aStep, { maxLength: 12 }), fc.nat(40), fc.boolean(), async (steps, from, isTail) => {
          const run = freshRun();
          await log().create(run);
          const after = from === 0 ? undefined : formatOffset(1, from);
          const early = isTail ? [readAll(log(), run, { after }), readRows(lane, run, { after })] : [];
          const all: LogEntry[] = [];
          for (const { by, repeat, ...what } of steps) {
            const row = rowOf(all.length + 1, what.deltas, what);
            const again = Math.min(repeat, all.length);
            const entries = entriesOfRow(row);
            if (by === 'entries') await log().append(run, [...all.slice(all.length - again), ...entries]);
            else {
              if (again > 0)
                await lane.writer(run).append(rowOf(row.seq - again, [...what.deltas, 'x'].slice(0, again)));
              await lane.writer(run).append(row);
            }
            all.push(...entries);
          }
          const end = endOf(all.length + 1);
          await log().append(run, [end]);
          const expected = [...all, end].slice(from);
          for (const read of [...early, readAll(log(), run, { after }), readRows(lane, run, { after })])
            expect(await read).toEqual(expected);
          await log().delete(run);
        }),
        { numRuns: runs },
      );
    });

    it('takes of a row that it has in part what it does not have', async () => {
      const lane = laneOfLog();
      const run = freshRun();
      await log().create(run);
      await lane.writer(run).append(rowOf(1, ['a', 'b', 'c']));
      await lane.writer(run).append(rowOf(2, ['B', 'C', 'd', 'e']));
      await lane.writer(run).append(rowOf(1, ['x'], { epoch: 2 }));
      await lane.writer(run).append(rowOf(9, ['late']));
      await log().append(run, [{ offset: '2-2', end: 'completed' }]);
      const deltas = entriesOfRow(rowOf(1, ['a', 'b', 'c', 'd', 'e']));
      expect(await readAll(log(), run)).toEqual([
        ...deltas,
        ...entriesOfRow(rowOf(1, ['x'], { epoch: 2 })),
        { offset: '2-2', end: 'completed' },
      ]);
    });

    it('keeps the rules of append and read', async () => {
      const lane = laneOfLog();
      const run = freshRun();
      await expect((async () => lane.writer(run).append(rowOf(1, ['a'])))()).rejects.toMatchObject({
        code: 'run.not_found',
      });
      await expect(readRows(lane, run)).rejects.toMatchObject({ code: 'run.not_found' });
      await log().create(run);
      const gone = new AbortController();
      const reading = readRows(lane, run, { signal: gone.signal });
      await lane.writer(run).append(rowOf(1, ['a', 'b']));
      gone.abort(new Error('gone'));
      await expect(reading).rejects.toThrow('gone');
      await log().append(run, [endOf(3)]);
      await lane.writer(run).append(rowOf(1, ['a', 'b']));
      for (const late of [rowOf(3, ['late', 'later']), rowOf(4, ['late'])])
        await expect((async () => lane.writer(run).append(late))()).rejects.toMatchObject({ code: 'log.closed' });
      expect(await readRows(lane, run)).toEqual([...entriesOfRow(rowOf(1, ['a', 'b'])), endOf(3)]);
      await log().delete(run);
      await expect(readRows(lane, run)).rejects.toMatchObject({ code: 'run.not_found' });
    });

    it.skipIf(smallLog === undefined)(
      'refuses a text larger than all it keeps, keeps the others, goes on',
      async () => {
        const small = (await smallLog?.()) ?? log();
        const lane = rowLaneOf(small) as RowLane;
        const run = freshRun();
        await small.create(run);
        const huge = rowOf(1, ['a', 'x'.repeat(200_000), 'c']);
        await expect((async () => lane.writer(run).append(huge))()).rejects.toMatchObject({ code: 'event.too_large' });
        await lane.writer(run).append(rowOf(2, ['b']));
        await small.append(run, [endOf(3)]);
        expect(await readRows(lane, run)).toEqual([...entriesOfRow(rowOf(1, ['a', 'b'])), endOf(3)]);
      },
    );

    it('writes with one writer to whatever run has its id', async () => {
      const lane = laneOfLog();
      const run = freshRun();
      const writer = lane.writer(run);
      const append = async (row: TextRow) => writer.append(row);
      await expect(append(rowOf(1, ['a']))).rejects.toMatchObject({ code: 'run.not_found' });
      for (const text of ['b', 'c']) {
        await log().create(run);
        await append(rowOf(1, [text]));
        await append(rowOf(2, ['d']));
        await log().append(run, [endOf(3)]);
        expect(await readRows(lane, run)).toEqual([...entriesOfRow(rowOf(1, [text, 'd'])), endOf(3)]);
        await log().delete(run);
        await expect(append(rowOf(1, ['a']))).rejects.toMatchObject({ code: 'run.not_found' });
      }
    });

    it('has no lane once it is wrapped, so that nothing goes past the wrapper', () => {
      for (const wrapper of [{ ...log() }, new Proxy(log(), {}), Object.create(log())])
        expect(rowLaneOf(wrapper)).toBeUndefined();
    });
  });
};
