import { textDelta } from '@chatkit/core';
import { expect, it } from 'vitest';
import type { ChangeReader } from '../src/shared/log-changes.ts';
import type { SqlLogPage } from '../src/shared/sql-log-page.ts';
import { StoredReader } from '../src/shared/stored-reader.ts';

it('ends the reader of a run whose lease has ended without its log, also when one page tells both that and the last entry', async () => {
  const page = { number: 1, isEnded: false, isOrphan: false, isWhole: true, entries: [] };
  const last = { offset: '1-1', event: textDelta('a', 'half') };
  const pages: SqlLogPage[] = [page, { ...page, isOrphan: true, entries: [last] }, { ...page, isOrphan: true }];
  const readers: ChangeReader[] = [];
  const { entries } = new StoredReader({
    runId: 'orphan',
    where: {},
    changes: { enter: (reader) => readers.push(reader), leave() {}, onWritten() {}, close() {} },
    fetchPage: async () => pages.shift() as SqlLogPage,
  });
  const reading = entries[Symbol.asyncIterator]();
  const first = reading.next();
  await expect.poll(() => pages.length).toBe(2);
  // The last change that anybody tells it of.
  readers[0]?.onChange();
  expect(await first).toEqual({ done: false, value: last });
  await expect(reading.next()).rejects.toMatchObject({ code: 'log.expired' });
});
