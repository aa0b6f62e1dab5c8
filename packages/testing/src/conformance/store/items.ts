/** Items: every type and field kept, upserts in place, and no item without its thread. */
import { isChatKitError } from '@chatkit/core';
import { describe, expect, it } from 'vitest';
import { at, canonical, everyItem, messageOf, threadOf } from './fixtures.ts';
import { asc, desc, idsOf, range, type StoreKit } from './kit.ts';

export const describeItems = <Context>({ store, someone }: StoreKit<Context>): void => {
  describe('items', () => {
    it('keeps every field of every type, hidden ones too', async () => {
      const me = someone();
      await store().saveThread(threadOf('thr'), me);
      const items = everyItem('thr');
      for (const item of items) await store().saveItem('thr', item, me);
      for (const item of items) expect(canonical(await store().loadItem('thr', item.id, me))).toBe(canonical(item));
      const listed = await store().listItems('thr', asc(100), me);
      expect(listed.data.map(canonical)).toEqual(items.map(canonical));
    });

    it('overwrites by id, in place, whatever the new created_at and type', async () => {
      const me = someone();
      await store().saveThread(threadOf('thr'), me);
      for (const n of range(4)) await store().saveItem('thr', messageOf('thr', `m${n}`, at(n)), me);
      await store().saveItem('thr', messageOf('thr', 'm1', at(99), 'new'), me);
      await store().saveItem('thr', { type: 'end_of_turn', id: 'm2', thread_id: 'thr', created_at: at(0) }, me);
      expect(await store().loadItem('thr', 'm1', me)).toEqual(messageOf('thr', 'm1', at(99), 'new'));
      expect((await store().loadItem('thr', 'm2', me)).type).toBe('end_of_turn');
      expect(idsOf(await store().listItems('thr', asc(10), me))).toEqual(['m0', 'm1', 'm2', 'm3']);
      expect(idsOf(await store().listItems('thr', asc(10, 'm1'), me))).toEqual(['m2', 'm3']);
    });

    it('keeps apart equal ids in different threads', async () => {
      const me = someone();
      for (const thread of ['t1', 't2']) {
        await store().saveThread(threadOf(thread), me);
        await store().saveItem(thread, messageOf(thread, 'm', at(0), `in ${thread}`), me);
      }
      expect(await store().loadItem('t1', 'm', me)).toEqual(messageOf('t1', 'm', at(0), 'in t1'));
      await store().deleteItem('t2', 'm', me);
      expect(idsOf(await store().listItems('t1', asc(10), me))).toEqual(['m']);
    });

    it('says item.not_found for an unknown item and for one of another thread', async () => {
      const me = someone();
      await store().saveThread(threadOf('t1'), me);
      await store().saveThread(threadOf('t2'), me);
      await store().saveItem('t1', messageOf('t1', 'm'), me);
      for (const [thread, item] of [
        ['t1', 'other'],
        ['t2', 'm'],
        ['t3', 'm'],
      ] as const)
        await expect(store().loadItem(thread, item, me)).rejects.toSatisfy((e) => isChatKitError(e, 'item.not_found'));
    });

    it('refuses an item of a thread that is not there, so that no item outlives its thread', async () => {
      const me = someone();
      await expect(store().saveItem('thr', messageOf('thr', 'm'), me)).rejects.toMatchObject({
        code: 'thread.not_found',
      });
      await store().saveThread(threadOf('thr'), me);
      expect((await store().listItems('thr', asc(10), me)).data).toEqual([]);
    });

    it('deletes, and unknown ones silently', async () => {
      const me = someone();
      await store().saveThread(threadOf('thr'), me);
      for (const n of range(3)) await store().saveItem('thr', messageOf('thr', `m${n}`, at(n)), me);
      await store().deleteItem('thr', 'm1', me);
      await store().deleteItem('thr', 'm1', me);
      await store().deleteItem('nowhere', 'm1', me);
      expect(idsOf(await store().listItems('thr', asc(10), me))).toEqual(['m0', 'm2']);
    });

    it('lists nothing for a thread that is not there', async () => {
      expect(await store().listItems('thr', desc(10), someone())).toMatchObject({ data: [], has_more: false });
    });
  });
};
