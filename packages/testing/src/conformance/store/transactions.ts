/** Transactions: all or nothing, as seen inside, outside, and nested. */
import { describe, expect, it } from 'vitest';
import { at, fileAttachment, messageOf, threadOf } from './fixtures.ts';
import { asc, desc, idsOf, range, type StoreKit } from './kit.ts';

export const describeTransactions = <Context>({ store, someone }: StoreKit<Context>): void => {
  describe('transactions', () => {
    it('returns what the work returns, and reads its own writes', async () => {
      const me = someone();
      await store().saveThread(threadOf('old', { created_at: at(1) }), me);
      const result = await store().transaction(async (tx) => {
        await tx.saveThread(threadOf('thr', { created_at: at(0) }), me);
        await tx.saveItem('thr', messageOf('thr', 'a', at(1)), me);
        await tx.saveItem('thr', messageOf('thr', 'b', at(0)), me);
        expect(idsOf(await tx.listItems('thr', asc(1), me))).toEqual(['b']);
        expect(idsOf(await tx.listThreads(asc(10), me))).toEqual(['thr', 'old']);
        await tx.deleteItem('thr', 'a', me);
        expect(idsOf(await tx.listItems('thr', desc(10), me))).toEqual(['b']);
        return 'result';
      }, me);
      expect(result).toBe('result');
      expect(idsOf(await store().listItems('thr', asc(10), me))).toEqual(['b']);
    });

    it('undoes everything when the work throws, and passes the error on as it is', async () => {
      const me = someone();
      await store().saveThread(threadOf('thr', { title: 'before' }), me);
      await store().saveThread(threadOf('other'), me);
      await store().saveItem('thr', messageOf('thr', 'kept'), me);
      await store().saveAttachment(fileAttachment('f'), me);
      const error = new Error('undo');
      const failing = store().transaction(async (tx) => {
        await tx.saveThread(threadOf('thr', { title: 'after' }), me);
        await tx.saveItem('thr', messageOf('thr', 'added'), me);
        await tx.deleteItem('thr', 'kept', me);
        await tx.deleteThread('other', me);
        await tx.deleteAttachment('f', me);
        throw error;
      }, me);
      await expect(failing).rejects.toBe(error);
      const { thread, version } = await store().loadThread('thr', me);
      expect([thread.title, version]).toEqual(['before', 1]);
      expect(idsOf(await store().listItems('thr', asc(10), me))).toEqual(['kept']);
      expect(await store().listThreads(asc(10), me)).toMatchObject({ data: [{ id: 'thr' }, { id: 'other' }] });
      expect(await store().loadAttachment('f', me)).toEqual(fileAttachment('f'));
    });

    it('survives a refused call inside: the work may go on', async () => {
      const me = someone();
      await store().transaction(async (tx) => {
        await tx.saveThread(threadOf('thr'), me);
        await expect(tx.saveThread(threadOf('thr'), me, { ifVersion: 7 })).rejects.toMatchObject({
          code: 'thread.conflict',
        });
        await expect(tx.saveItem('nowhere', messageOf('nowhere', 'm'), me)).rejects.toMatchObject({
          code: 'thread.not_found',
        });
        await tx.saveItem('thr', messageOf('thr', 'm'), me);
      }, me);
      expect(idsOf(await store().listItems('thr', asc(10), me))).toEqual(['m']);
    });

    it('shows nothing outside before the end', async () => {
      const me = someone();
      await store().saveThread(threadOf('thr', { title: 'before' }), me);
      await store().transaction(async (tx) => {
        await tx.saveThread(threadOf('thr', { title: 'after' }), me);
        await tx.saveItem('thr', messageOf('thr', 'm'), me);
        expect((await store().loadThread('thr', me)).thread.title).toBe('before');
        expect((await store().listItems('thr', asc(10), me)).data).toEqual([]);
      }, me);
      expect((await store().loadThread('thr', me)).thread.title).toBe('after');
    });

    it('undoes only the inner one when a nested transaction throws and the outer goes on', async () => {
      const me = someone();
      await store().transaction(async (outer) => {
        await outer.saveThread(threadOf('thr'), me);
        const inner = outer.transaction(async (tx) => {
          await tx.saveItem('thr', messageOf('thr', 'inner'), me);
          throw new Error('inner');
        }, me);
        await expect(inner).rejects.toThrow('inner');
        await outer.transaction((tx) => tx.saveItem('thr', messageOf('thr', 'second'), me), me);
      }, me);
      expect(idsOf(await store().listItems('thr', asc(10), me))).toEqual(['second']);
    });

    it('has what was deleted and written again once, at its new place', async () => {
      const me = someone();
      for (const id of ['a', 'b']) await store().saveThread(threadOf(id), me);
      for (const id of ['x', 'y']) await store().saveItem('b', messageOf('b', id), me);
      await store().transaction(async (tx) => {
        await tx.deleteThread('a', me);
        await tx.deleteItem('b', 'x', me);
        await tx.transaction(async (inner) => {
          await inner.saveThread(threadOf('a', { title: 'again' }), me);
          await inner.saveItem('b', messageOf('b', 'x', at(0), 'again'), me);
        }, me);
      }, me);
      expect((await store().loadThread('a', me)).version).toBe(1);
      expect(idsOf(await store().listThreads(asc(10), me))).toEqual(['b', 'a']);
      expect(idsOf(await store().listThreads(desc(10), me))).toEqual(['a', 'b']);
      expect((await store().listItems('b', asc(10), me)).data).toEqual([
        messageOf('b', 'y'),
        messageOf('b', 'x', at(0), 'again'),
      ]);
    });

    it('loses nothing of concurrent transactions and writes', async () => {
      const me = someone();
      await store().saveThread(threadOf('thr'), me);
      const outcomes = await Promise.allSettled(
        range(30).map((n) =>
          n % 3 === 0
            ? store().saveItem('thr', messageOf('thr', `plain${n}`), me)
            : store().transaction(async (tx) => {
                await tx.saveItem('thr', messageOf('thr', `a${n}`), me);
                await tx.saveItem('thr', messageOf('thr', `b${n}`), me);
                if (n % 3 === 1) throw new Error('undo');
              }, me),
        ),
      );
      expect(outcomes.filter((each) => each.status === 'rejected')).toHaveLength(10);
      const ids = idsOf(await store().listItems('thr', asc(100), me)).sort();
      const expected = range(30).flatMap((n) => (n % 3 === 0 ? [`plain${n}`] : n % 3 === 2 ? [`a${n}`, `b${n}`] : []));
      expect(ids).toEqual(expected.sort());
    });
  });
};
