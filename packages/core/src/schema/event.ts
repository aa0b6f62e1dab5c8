/** The schemas of the twelve kinds of event on a stream. */
import * as z from 'zod';
import { threadItemSchema } from './item.ts';
import { jsonObjectSchema, optional, withDefault } from './primitives.ts';
import { threadSchema } from './thread.ts';
import { threadItemUpdateSchema } from './update.ts';

export const threadCreatedEventSchema = z.object({ type: z.literal('thread.created'), thread: threadSchema });

export const threadUpdatedEventSchema = z.object({ type: z.literal('thread.updated'), thread: threadSchema });

export const threadItemAddedEventSchema = z.object({ type: z.literal('thread.item.added'), item: threadItemSchema });

export const threadItemUpdatedEventSchema = z.object({
  type: z.literal('thread.item.updated'),
  item_id: z.string(),
  update: threadItemUpdateSchema,
});

export const threadItemDoneEventSchema = z.object({ type: z.literal('thread.item.done'), item: threadItemSchema });

export const threadItemRemovedEventSchema = z.object({ type: z.literal('thread.item.removed'), item_id: z.string() });

export const threadItemReplacedEventSchema = z.object({
  type: z.literal('thread.item.replaced'),
  item: threadItemSchema,
});

export const streamOptionsSchema = z.object({ allow_cancel: z.boolean() });

export const streamOptionsEventSchema = z.object({
  type: z.literal('stream_options'),
  stream_options: streamOptionsSchema,
});

export const progressUpdateEventSchema = z.object({
  type: z.literal('progress_update'),
  icon: optional(z.string()),
  text: z.string(),
});

export const clientEffectEventSchema = z.object({
  type: z.literal('client_effect'),
  name: z.string(),
  data: withDefault(jsonObjectSchema, {}),
});

export const errorEventSchema = z.object({
  type: z.literal('error'),
  // An open enum: `custom`, `stream.error`, and whatever a newer peer sends.
  code: withDefault(z.string(), 'custom'),
  message: optional(z.string()),
  allow_retry: withDefault(z.boolean(), false),
});

export const noticeEventSchema = z.object({
  type: z.literal('notice'),
  level: z.enum(['info', 'warning', 'danger']),
  message: z.string(),
  title: optional(z.string()),
});

export const threadStreamEventSchema = z.discriminatedUnion('type', [
  threadCreatedEventSchema,
  threadUpdatedEventSchema,
  threadItemAddedEventSchema,
  threadItemUpdatedEventSchema,
  threadItemDoneEventSchema,
  threadItemRemovedEventSchema,
  threadItemReplacedEventSchema,
  streamOptionsEventSchema,
  progressUpdateEventSchema,
  clientEffectEventSchema,
  errorEventSchema,
  noticeEventSchema,
]);
