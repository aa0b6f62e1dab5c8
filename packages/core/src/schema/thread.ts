/** The schemas of a conversation: as stored, and as a client sees it. */
import * as z from 'zod';
import { threadItemSchema } from './item.ts';
import { jsonObjectSchema, optional, timestampSchema, withDefault } from './primitives.ts';

export const threadStatusSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('active') }),
  z.object({ type: z.literal('locked'), reason: optional(z.string()) }),
  z.object({ type: z.literal('closed'), reason: optional(z.string()) }),
]);

/** A page of a list. `after` is the cursor of the next one: an id, absent on the last page. */
export const pageSchema = <T extends z.ZodType>(entry: T) =>
  z.object({ data: z.array(entry), has_more: withDefault(z.boolean(), false), after: optional(z.string()) });

export const threadMetadataSchema = z.object({
  id: z.string(),
  created_at: timestampSchema,
  title: optional(z.string()),
  status: withDefault(threadStatusSchema, { type: 'active' }),
  allowed_image_domains: optional(z.array(z.string())),
  metadata: withDefault(jsonObjectSchema, {}),
});

export const threadSchema = threadMetadataSchema.extend({ items: pageSchema(threadItemSchema) });
