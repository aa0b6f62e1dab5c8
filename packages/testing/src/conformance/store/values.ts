/** Values: copies at the boundary, JSON that a careless store would damage, ids that are easily confused. */
import { createId } from '@chatkit/core';
import { describe, expect, it } from 'vitest';
import { at, canonical, fileAttachment, messageOf, oddJson, threadOf } from './fixtures.ts';
import { asc, idsOf, type StoreKit } from './kit.ts';

export const describeValues = <Context>({ store, someone, contextOf }: StoreKit<Context>): void => {
  describe('values', () => {
    it('copies what it is given and what it gives', async () => {
      const me = someone();
      const thread = threadOf('thr', { metadata: { list: [1] } });
      const item = messageOf('thr', 'm', at(0), 'text');
      const attachment = fileAttachment('f');
      const saving = store().saveThread(thread, me);
      (thread.metadata['list'] as number[]).push(2);
      await saving;
      await store().saveItem('thr', item, me);
      await store().saveAttachment(attachment, me);
      if (item.type === 'assistant_message') item.content.length = 0;
      attachment.name = 'changed';
      const damage = async () => {
        const { thread: loaded } = await store().loadThread('thr', me);
        (loaded.metadata['list'] as number[]).push(3);
        const page = await store().listItems('thr', asc(1), me);
        for (const each of [await store().loadItem('thr', 'm', me), ...page.data])
          if (each.type === 'assistant_message') each.content.length = 0;
        page.data.length = 0;
        (await store().loadAttachment('f', me)).name = 'changed';
        (await store().listThreads(asc(1), me)).data.length = 0;
      };
      await damage();
      expect((await store().loadThread('thr', me)).thread.metadata).toEqual({ list: [1] });
      expect(await store().loadItem('thr', 'm', me)).toEqual(messageOf('thr', 'm', at(0), 'text'));
      expect((await store().listThreads(asc(1), me)).data).toHaveLength(1);
      expect((await store().loadAttachment('f', me)).name).toBe('report.pdf');
    });

    it.each(oddJson)('keeps or refuses, and never changes: %s', async (_, value) => {
      const me = someone();
      await store().saveThread(threadOf('thr'), me);
      const thread = threadOf('thr', { metadata: { value } });
      const item = { ...messageOf('thr', 'm'), type: 'hidden_context_item' as const, content: value };
      const saved = await Promise.allSettled([store().saveThread(thread, me), store().saveItem('thr', item, me)]);
      const loaded = (await store().loadThread('thr', me)).thread;
      expect(canonical(loaded)).toBe(canonical(saved[0].status === 'fulfilled' ? thread : threadOf('thr')));
      if (saved[1].status === 'fulfilled')
        expect(canonical(await store().loadItem('thr', 'm', me))).toBe(canonical(item));
      else await expect(store().loadItem('thr', 'm', me)).rejects.toMatchObject({ code: 'item.not_found' });
    });

    it('never confuses two ids', async () => {
      const me = someone();
      // biome-ignore format: a list to be read as one
      const ids = [
        'a', 'A', 'a ', ' a', 'a%', 'a_', "a'", 'a"', 'a\\', 'a\n', 'é', 'e\u0301', 'ﬁ', 'fi', 'ß', 'ss', 'I', 'ı', '0',
        '00', 'null', 'a/b', 'a.b', "'; DROP TABLE thread; --", '$1', '👩‍👩‍👧', '\ufffd', 'a\0', 'a\0b', '\ud800', '\udbff',
        'x'.repeat(200), 'x'.repeat(5000),
      ];
      const kept: string[] = [];
      for (const id of ids) {
        const saving = store().saveThread(threadOf(id, { title: id }), me);
        await saving.then(
          () => kept.push(id),
          () => {},
        );
      }
      expect(kept).toEqual(expect.arrayContaining(['a', 'A', "a'", 'é', 'x'.repeat(200)]));
      for (const id of ids) {
        if (kept.includes(id)) expect((await store().loadThread(id, me)).thread.title).toBe(id);
        else await expect(store().loadThread(id, me)).rejects.toMatchObject({ code: 'thread.not_found' });
      }
      expect(idsOf(await store().listThreads(asc(100), me))).toEqual(kept);
      for (const id of ids.filter((each) => !kept.includes(each))) await store().deleteThread(id, me);
      expect(idsOf(await store().listThreads(asc(100), me))).toEqual(kept);
    });

    it('never confuses two users', async () => {
      const users = ['u', 'U', 'u ', 'ü', 'u\u0308', "u'", 'u%'].map((name) => contextOf(`${name}${createId('run')}`));
      for (const [index, user] of users.entries())
        await store().saveThread(threadOf('thr', { title: `${index}` }), user);
      for (const [index, user] of users.entries())
        expect((await store().loadThread('thr', user)).thread.title).toBe(`${index}`);
    });

    it('refuses a created_at that is no time', async () => {
      const me = someone();
      await expect(store().saveThread(threadOf('thr', { created_at: 'yesterday' }), me)).rejects.toThrow();
      await expect(store().loadThread('thr', me)).rejects.toMatchObject({ code: 'thread.not_found' });
    });
  });
};
