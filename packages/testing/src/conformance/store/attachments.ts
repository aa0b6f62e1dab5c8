/** Attachment records. */
import { isChatKitError } from '@chatkit/core';
import { describe, expect, it } from 'vitest';
import { fileAttachment, imageAttachment } from './fixtures.ts';
import type { StoreKit } from './kit.ts';

export const describeAttachments = <Context>({ store, someone }: StoreKit<Context>): void => {
  describe('attachments', () => {
    it('keeps files and images, metadata included', async () => {
      const me = someone();
      for (const attachment of [fileAttachment('f'), imageAttachment('i')]) {
        await store().saveAttachment(attachment, me);
        expect(await store().loadAttachment(attachment.id, me)).toEqual(attachment);
      }
    });

    it('overwrites by id, deletes, and says attachment.not_found', async () => {
      const me = someone();
      await store().saveAttachment(fileAttachment('f'), me);
      await store().saveAttachment({ ...fileAttachment('f'), thread_id: 'thr' }, me);
      expect((await store().loadAttachment('f', me)).thread_id).toBe('thr');
      await store().deleteAttachment('f', me);
      await store().deleteAttachment('f', me);
      await expect(store().loadAttachment('f', me)).rejects.toSatisfy((e) => isChatKitError(e, 'attachment.not_found'));
    });
  });
};
