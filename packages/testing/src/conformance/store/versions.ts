/** Versions: the optimistic lock on a thread, alone and under many writers. */
import { isChatKitError } from '@chatkit/core';
import { describe, expect, it } from 'vitest';
import { messageOf, threadOf } from './fixtures.ts';
import { asc, range, type StoreKit } from './kit.ts';

export const describeVersions = <Context>({ store, someone }: StoreKit<Context>): void => {
  describe('versions', () => {
    it('starts at 1 and grows by one at every write of the thread', async () => {
      const me = someone();
      for (const expected of [1, 2, 3]) expect(await store().saveThread(threadOf('thr'), me)).toBe(expected);
      await store().saveItem('thr', messageOf('thr', 'm'), me);
      expect((await store().loadThread('thr', me)).version).toBe(3);
    });

    it('writes when the version is the one read, and else says thread.conflict and changes nothing', async () => {
      const me = someone();
      await store().saveThread(threadOf('thr'), me);
      expect(await store().saveThread(threadOf('thr', { title: 'b' }), me, { ifVersion: 1 })).toBe(2);
      for (const ifVersion of [1, 3, 0])
        await expect(store().saveThread(threadOf('thr', { title: 'c' }), me, { ifVersion })).rejects.toSatisfy((e) =>
          isChatKitError(e, 'thread.conflict'),
        );
      const { thread, version } = await store().loadThread('thr', me);
      expect([thread.title, version]).toEqual(['b', 2]);
    });

    it('counts a thread that is not there as version 0', async () => {
      const me = someone();
      await expect(store().saveThread(threadOf('thr'), me, { ifVersion: 1 })).rejects.toMatchObject({
        code: 'thread.conflict',
      });
      expect((await store().listThreads(asc(1), me)).data).toEqual([]);
      expect(await store().saveThread(threadOf('thr'), me, { ifVersion: 0 })).toBe(1);
    });

    it('lets exactly one of many first writers create', async () => {
      const me = someone();
      const outcomes = await Promise.allSettled(
        range(20).map(() => store().saveThread(threadOf('thr'), me, { ifVersion: 0 })),
      );
      expect(outcomes.filter((each) => each.status === 'fulfilled')).toHaveLength(1);
    });

    it('loses nothing of 100 concurrent writers that read, change and try again on conflict', async () => {
      const me = someone();
      await store().saveThread(threadOf('thr'), me);
      const write = async (key: string): Promise<void> => {
        for (;;) {
          const { thread, version } = await store().loadThread('thr', me);
          const changed = { ...thread, metadata: { ...thread.metadata, [key]: true } };
          try {
            await store().saveThread(changed, me, { ifVersion: version });
            return;
          } catch (error) {
            if (!isChatKitError(error, 'thread.conflict')) throw error;
          }
        }
      };
      await Promise.all(range(100).map((n) => write(`k${n}`)));
      const { thread, version } = await store().loadThread('thr', me);
      expect(Object.keys(thread.metadata)).toHaveLength(100);
      expect(version).toBe(101);
    });
  });
};
