/** The schemas of message content: the user's text and tags, the assistant's text with annotations. */
import * as z from 'zod';
import { jsonObjectSchema, optional, withDefault } from './primitives.ts';
import { annotationSchema } from './source.ts';

export const userTextContentSchema = z.object({ type: z.literal('input_text'), text: z.string() });

export const userTagContentSchema = z.object({
  type: z.literal('input_tag'),
  id: z.string(),
  text: z.string(),
  // Required in the Python models, optional in the official client's types, so read leniently.
  data: withDefault(jsonObjectSchema, {}),
  group: optional(z.string()),
  interactive: withDefault(z.boolean(), false),
});

export const userMessageContentSchema = z.discriminatedUnion('type', [userTextContentSchema, userTagContentSchema]);

export const assistantMessageContentSchema = z.object({
  type: withDefault(z.literal('output_text'), 'output_text'),
  text: z.string(),
  annotations: withDefault(z.array(annotationSchema), []),
});

export const inferenceOptionsSchema = z.object({
  tool_choice: optional(z.object({ id: z.string() })),
  model: optional(z.string()),
});
