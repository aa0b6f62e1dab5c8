/** Threads: every field kept, upserts in place, deletes that take the items along. */
import { isChatKitError } from '@chatkit/core';
import { describe, expect, it } from 'vitest';
import { at, messageOf, threadOf } from './fixtures.ts';
import { asc, idsOf, range, type StoreKit } from './kit.ts';

export const describeThreads = <Context>({ store, someone }: StoreKit<Context>): void => {
  describe('threads', () => {
    it('keeps every field', async () => {
      const me = someone();
      const thread = threadOf('thr', {
        title: 'Cats',
        status: { type: 'locked', reason: 'quota' },
        allowed_image_domains: ['a.example', 'b.example'],
        metadata: { nested: { n: [1, null] } },
      });
      await store().saveThread(thread, me);
      expect((await store().loadThread('thr', me)).thread).toEqual(thread);
    });

    it('keeps a thread without a title', async () => {
      const me = someone();
      await store().saveThread(threadOf('thr'), me);
      expect((await store().loadThread('thr', me)).thread.title ?? undefined).toBeUndefined();
    });

    it('overwrites by id, in place', async () => {
      const me = someone();
      for (const n of range(3)) await store().saveThread(threadOf(`thr_${n}`, { created_at: at(n) }), me);
      const changed = threadOf('thr_1', { created_at: at(9), title: 'new', metadata: { a: 1 } });
      await store().saveThread(changed, me);
      expect((await store().loadThread('thr_1', me)).thread).toEqual(changed);
      expect(idsOf(await store().listThreads(asc(10), me))).toEqual(['thr_0', 'thr_1', 'thr_2']);
    });

    it('says thread.not_found for an unknown id', async () => {
      await expect(store().loadThread('thr', someone())).rejects.toSatisfy((e) =>
        isChatKitError(e, 'thread.not_found'),
      );
    });

    it('deletes a thread with its items, and unknown ones silently', async () => {
      const me = someone();
      await store().saveThread(threadOf('thr'), me);
      await store().saveThread(threadOf('other'), me);
      await store().saveItem('thr', messageOf('thr', 'a'), me);
      await store().saveItem('other', messageOf('other', 'a'), me);
      await store().deleteThread('thr', me);
      await store().deleteThread('thr', me);
      await expect(store().loadThread('thr', me)).rejects.toMatchObject({ code: 'thread.not_found' });
      await expect(store().loadItem('thr', 'a', me)).rejects.toMatchObject({ code: 'item.not_found' });
      expect(idsOf(await store().listThreads(asc(10), me))).toEqual(['other']);
      await store().saveThread(threadOf('thr'), me);
      expect((await store().listItems('thr', asc(10), me)).data).toEqual([]);
      expect(idsOf(await store().listItems('other', asc(10), me))).toEqual(['a']);
    });
  });
};
