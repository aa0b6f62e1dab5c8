/** Entries: in order, once, as they were given; appended idempotently; closed by the terminal one. */
import type { ThreadStreamEvent } from '@chatkit/core';
import { describe, expect, it } from 'vitest';
import { canonical, everyItem, oddJson } from '../store/fixtures.ts';
import { endOf, entries, entryOf, freshRun, type LogKit, offsetsOf, readAll, readSome } from './kit.ts';

export const describeEntries = ({ log }: LogKit): void => {
  describe('entries', () => {
    it('gives every entry, in order, as it was', async () => {
      const run = freshRun();
      await log().create(run);
      const events: ThreadStreamEvent[] = [
        ...everyItem('thr').map((item) => ({ type: 'thread.item.done' as const, item })),
        ...oddJson.slice(0, -1).map(([name, data]) => ({ type: 'client_effect' as const, name, data: { data } })),
      ];
      const given = events.map((event, index) => ({ offset: `1-${index + 1}`, event }));
      await log().append(run, given);
      await log().append(run, [{ offset: `1-${events.length + 1}`, end: 'failed' }]);
      const read = await readAll(log(), run);
      expect(read.map(canonical)).toEqual(
        [...given, { offset: `1-${events.length + 1}`, end: 'failed' }].map(canonical),
      );
    });

    it('starts after any offset, and after the last one there is nothing', async () => {
      const run = freshRun();
      await log().create(run);
      await log().append(run, [...entries(1, 12), endOf(13)]);
      for (let seq = 1; seq <= 13; seq += 1)
        expect(offsetsOf(await readAll(log(), run, { after: `1-${seq}` }))).toEqual(
          offsetsOf([...entries(seq + 1, 12), ...(seq < 13 ? [endOf(13)] : [])]),
        );
    });

    it('orders offsets by number, and a later epoch after every earlier one', async () => {
      const run = freshRun();
      await log().create(run);
      await log().append(run, entries(9, 11));
      await log().append(run, [entryOf(1, { epoch: 2 }), { offset: '2-2', end: 'interrupted' }]);
      expect(offsetsOf(await readAll(log(), run))).toEqual(['1-9', '1-10', '1-11', '2-1', '2-2']);
      expect(offsetsOf(await readAll(log(), run, { after: '1-9' }))).toEqual(['1-10', '1-11', '2-1', '2-2']);
      expect(offsetsOf(await readAll(log(), run, { after: '1-500' }))).toEqual(['2-1', '2-2']);
    });

    it('takes the append of what it holds as done', async () => {
      const run = freshRun();
      await log().create(run);
      await log().append(run, entries(1, 3));
      await log().append(run, entries(1, 3));
      await log().append(run, [entryOf(2, { text: 'another' })]);
      await log().append(run, entries(2, 5));
      await log().append(run, [entryOf(5), endOf(6)]);
      await log().append(run, [entryOf(5), endOf(6)]);
      await log().append(run, [endOf(6)]);
      expect(await readAll(log(), run)).toEqual([...entries(1, 5), endOf(6)]);
    });

    it('takes an empty append', async () => {
      const run = freshRun();
      await log().create(run);
      await log().append(run, []);
      await log().append(run, [endOf(1)]);
      expect(offsetsOf(await readAll(log(), run))).toEqual(['1-1']);
    });

    it('refuses an append after the terminal entry with log.closed', async () => {
      const run = freshRun();
      await log().create(run);
      await log().append(run, [entryOf(1), endOf(2)]);
      for (const late of [[entryOf(3)], [endOf(2), entryOf(3)], [entryOf(1, { epoch: 2 })]])
        await expect((async () => log().append(run, late))()).rejects.toMatchObject({ code: 'log.closed' });
      expect(offsetsOf(await readAll(log(), run))).toEqual(['1-1', '1-2']);
    });

    it('gives a reader that waits what came before the entry that is refused', async () => {
      const run = freshRun();
      await log().create(run);
      const reading = readAll(log(), run);
      await log().append(run, [entryOf(1)]);
      const late = [entryOf(2), endOf(3), entryOf(4)];
      await expect((async () => log().append(run, late))()).rejects.toMatchObject({ code: 'log.closed' });
      expect(offsetsOf(await reading)).toEqual(['1-1', '1-2', '1-3']);
    });

    it('keeps a run apart from every other', async () => {
      const runs = [freshRun(), freshRun()] as const;
      for (const run of runs) await log().create(run);
      await log().append(runs[0], [entryOf(1), endOf(2)]);
      await log().append(runs[1], [entryOf(7), endOf(8)]);
      expect(offsetsOf(await readAll(log(), runs[0]))).toEqual(['1-1', '1-2']);
      expect(offsetsOf(await readAll(log(), runs[1]))).toEqual(['1-7', '1-8']);
    });

    it('keeps what is there when the run is created again', async () => {
      const run = freshRun();
      await log().create(run);
      await log().append(run, [entryOf(1)]);
      await log().create(run);
      expect(offsetsOf(await readSome(log(), run, 1))).toEqual(['1-1']);
      await log().append(run, [endOf(2)]);
      await log().create(run);
      expect(offsetsOf(await readAll(log(), run))).toEqual(['1-1', '1-2']);
    });

    it('says run.not_found for a run that it does not know', async () => {
      const run = freshRun();
      await expect((async () => log().append(run, [entryOf(1)]))()).rejects.toMatchObject({ code: 'run.not_found' });
      await expect(readAll(log(), run)).rejects.toMatchObject({ code: 'run.not_found' });
      await expect(readAll(log(), run, { after: '1-1' })).rejects.toMatchObject({ code: 'run.not_found' });
    });
  });
};
