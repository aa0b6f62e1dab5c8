/** Pages: order, cursors, limits, and any history against a model. */
import { describe, expect, it } from 'vitest';
import { at, messageOf, threadOf } from './fixtures.ts';
import { asc, desc, idsOf, range, type StoreKit } from './kit.ts';
import { checkAgainstModel } from './model.ts';

export const describePages = <Context>(kit: StoreKit<Context>): void => {
  describe('pages', () => {
    const { store, someone } = kit;
    /** A thread with `n` items, `m0` the oldest. */
    const filled = async (n: number): Promise<Context> => {
      const me = someone();
      await store().saveThread(threadOf('thr'), me);
      for (const index of range(n)) await store().saveItem('thr', messageOf('thr', `m${index}`, at(index)), me);
      return me;
    };

    it('pages threads: has_more and after on every page but the last', async () => {
      const me = someone();
      for (const n of range(3)) await store().saveThread(threadOf(`thr_${n}`, { created_at: at(n) }), me);
      const first = await store().listThreads(asc(2), me);
      expect(idsOf(first)).toEqual(['thr_0', 'thr_1']);
      expect(first).toMatchObject({ has_more: true, after: 'thr_1' });
      const last = await store().listThreads(asc(2, first.after), me);
      expect(idsOf(last)).toEqual(['thr_2']);
      expect(last.has_more).toBe(false);
      expect(last.after ?? undefined).toBeUndefined();
      expect(idsOf(await store().listThreads(desc(2), me))).toEqual(['thr_2', 'thr_1']);
    });

    it('pages items both ways, after exclusive', async () => {
      const me = await filled(5);
      expect(idsOf(await store().listItems('thr', asc(10), me))).toEqual(['m0', 'm1', 'm2', 'm3', 'm4']);
      expect(idsOf(await store().listItems('thr', desc(10), me))).toEqual(['m4', 'm3', 'm2', 'm1', 'm0']);
      expect(idsOf(await store().listItems('thr', asc(2, 'm1'), me))).toEqual(['m2', 'm3']);
      expect(idsOf(await store().listItems('thr', desc(2, 'm3'), me))).toEqual(['m2', 'm1']);
      expect(await store().listItems('thr', desc(2, 'm0'), me)).toMatchObject({ data: [], has_more: false });
    });

    it('does not promise more when the limit is met exactly', async () => {
      const me = await filled(4);
      const page = await store().listItems('thr', asc(4), me);
      expect(page.has_more).toBe(false);
      expect(page.after ?? undefined).toBeUndefined();
    });

    it('orders equal timestamps by insertion', async () => {
      const me = someone();
      const ids = range(20).map((n) => `m${(n * 7) % 20}`);
      await store().saveThread(threadOf('thr'), me);
      for (const id of ids) await store().saveItem('thr', messageOf('thr', id, at(5)), me);
      await store().saveItem('thr', messageOf('thr', ids[3] as string, at(5), 'again'), me);
      expect(idsOf(await store().listItems('thr', asc(50), me))).toEqual(ids);
      expect(idsOf(await store().listItems('thr', desc(50), me))).toEqual([...ids].reverse());
      for (const id of ids) await store().saveThread(threadOf(id, { created_at: at(5) }), me);
      expect(idsOf(await store().listThreads(desc(20), me))).toEqual([...ids].reverse());
    });

    it('pages through moments far away, which are too many microseconds for a safe integer', async () => {
      const me = someone();
      await store().saveThread(threadOf('thr'), me);
      const moments = ['0001-01-01T00:00:00Z', at(0), '2500-01-01T00:00:00.123456Z', '9999-12-31T23:59:59Z'];
      for (const index of [2, 0, 3, 1])
        await store().saveItem('thr', messageOf('thr', `m${index}`, moments[index]), me);
      expect(idsOf(await store().listItems('thr', asc(2, 'm0'), me))).toEqual(['m1', 'm2']);
      expect(idsOf(await store().listItems('thr', asc(2, 'm2'), me))).toEqual(['m3']);
      expect(idsOf(await store().listItems('thr', desc(3, 'm3'), me))).toEqual(['m2', 'm1', 'm0']);
    });

    it('orders by the moment and not by its text', async () => {
      const me = someone();
      await store().saveThread(threadOf('thr'), me);
      const moments = [
        '2026-01-01T00:00:00Z',
        '2026-01-01T02:00:00.000001+02:00',
        '2026-01-01T00:00:00.000500Z',
        '2025-12-31T19:00:00.001-05:00',
        '2026-01-01T00:00:00.9',
        '2026-01-01T00:00:01',
        '2026-01-01T00:00:01.000002',
      ];
      for (const index of [3, 0, 6, 5, 1, 4, 2])
        await store().saveItem('thr', messageOf('thr', `m${index}`, moments[index]), me);
      expect(idsOf(await store().listItems('thr', asc(10), me))).toEqual(moments.map((_, index) => `m${index}`));
    });

    it('refuses an after that is not there, instead of starting over', async () => {
      const me = await filled(3);
      await store().deleteItem('thr', 'm1', me);
      await expect(store().listItems('thr', asc(10, 'm1'), me)).rejects.toMatchObject({ code: 'item.not_found' });
      await expect(store().listThreads(asc(10, 'gone'), me)).rejects.toMatchObject({ code: 'thread.not_found' });
    });

    it('neither repeats nor skips when entries come and go between pages', async () => {
      const me = await filled(6);
      const first = await store().listItems('thr', desc(2), me);
      await store().saveItem('thr', messageOf('thr', 'newer', at(100)), me);
      await store().deleteItem('thr', 'm5', me);
      await store().deleteItem('thr', 'm2', me);
      expect(idsOf(await store().listItems('thr', desc(2, first.after), me))).toEqual(['m3', 'm1']);
    });

    it('refuses a limit that is not a whole number of at least 1', async () => {
      const me = await filled(1);
      for (const limit of [0, -1, 1.5, Number.NaN]) {
        await expect(store().listItems('thr', asc(limit), me)).rejects.toThrow();
        await expect(store().listThreads(asc(limit), me)).rejects.toThrow();
      }
    });

    it('agrees with a model after any history, on every page, both ways', async () => {
      await checkAgainstModel(kit.store(), someone, kit.runs);
    });
  });
};
