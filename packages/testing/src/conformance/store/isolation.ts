/** Isolation: what one user wrote is not found for another, in every method. */
import { describe, expect, it } from 'vitest';
import { at, fileAttachment, messageOf, threadOf } from './fixtures.ts';
import { asc, idsOf, type StoreKit } from './kit.ts';

export const describeIsolation = <Context>({ store, someone }: StoreKit<Context>): void => {
  describe('isolation', () => {
    it('finds nothing of another user, in any method', async () => {
      const [me, you] = [someone(), someone()];
      await store().saveThread(threadOf('thr'), me);
      await store().saveItem('thr', messageOf('thr', 'm'), me);
      await store().saveAttachment(fileAttachment('f'), me);
      await expect(store().loadThread('thr', you)).rejects.toMatchObject({ code: 'thread.not_found' });
      await expect(store().loadItem('thr', 'm', you)).rejects.toMatchObject({ code: 'item.not_found' });
      await expect(store().loadAttachment('f', you)).rejects.toMatchObject({ code: 'attachment.not_found' });
      expect((await store().listThreads(asc(10), you)).data).toEqual([]);
      expect((await store().listItems('thr', asc(10), you)).data).toEqual([]);
      await expect(store().listItems('thr', asc(10, 'm'), you)).rejects.toMatchObject({ code: 'item.not_found' });
      await expect(store().listThreads(asc(10, 'thr'), you)).rejects.toMatchObject({ code: 'thread.not_found' });
      await expect(store().saveItem('thr', messageOf('thr', 'x'), you)).rejects.toMatchObject({
        code: 'thread.not_found',
      });
      expect(idsOf(await store().listItems('thr', asc(10), me))).toEqual(['m']);
    });

    it('changes nothing of another user', async () => {
      const [me, you] = [someone(), someone()];
      await store().saveThread(threadOf('thr', { title: 'mine' }), me);
      await store().saveItem('thr', messageOf('thr', 'm', at(0), 'mine'), me);
      await store().saveAttachment(fileAttachment('f'), me);
      await store().deleteItem('thr', 'm', you);
      await store().deleteThread('thr', you);
      await store().deleteAttachment('f', you);
      expect(await store().saveThread(threadOf('thr', { title: 'yours' }), you)).toBe(1);
      await store().saveItem('thr', messageOf('thr', 'm', at(0), 'yours'), you);
      await store().saveAttachment({ ...fileAttachment('f'), name: 'yours' }, you);
      await store().transaction((tx) => tx.deleteThread('thr', you), you);
      const { thread, version } = await store().loadThread('thr', me);
      expect([thread.title, version]).toEqual(['mine', 1]);
      expect(await store().loadItem('thr', 'm', me)).toEqual(messageOf('thr', 'm', at(0), 'mine'));
      expect((await store().loadAttachment('f', me)).name).toBe('report.pdf');
      expect((await store().loadAttachment('f', you)).name).toBe('yours');
    });

    it('isolates inside a transaction, too', async () => {
      const [me, you] = [someone(), someone()];
      await store().saveThread(threadOf('thr'), me);
      await store().transaction(async (tx) => {
        await expect(tx.loadThread('thr', you)).rejects.toMatchObject({ code: 'thread.not_found' });
        expect((await tx.listThreads(asc(10), you)).data).toEqual([]);
      }, you);
    });
  });
};
