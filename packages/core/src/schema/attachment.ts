/** The schemas of attachments: files of a message, and how the client uploads their bytes. */
import * as z from 'zod';
import { jsonObjectSchema, optional, withDefault } from './primitives.ts';

export const uploadDescriptorSchema = z.object({
  url: z.string(),
  method: z.enum(['POST', 'PUT']),
  headers: withDefault(z.record(z.string(), z.string()), {}),
});

const attachmentBase = {
  id: z.string(),
  name: z.string(),
  mime_type: z.string(),
  upload_descriptor: optional(uploadDescriptorSchema),
  thread_id: optional(z.string()),
  metadata: optional(jsonObjectSchema),
};

export const fileAttachmentSchema = z.object({ type: z.literal('file'), ...attachmentBase });

export const imageAttachmentSchema = z.object({ type: z.literal('image'), ...attachmentBase, preview_url: z.string() });

export const attachmentSchema = z.discriminatedUnion('type', [fileAttachmentSchema, imageAttachmentSchema]);
