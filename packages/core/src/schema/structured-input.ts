/** The schemas of the assistant's questions to the user, and of the answers. */
import * as z from 'zod';
import { optional, withDefault } from './primitives.ts';

/** Values need not be among the offered options: custom answers are allowed. */
export const structuredInputAnswerSchema = z.object({
  values: withDefault(z.array(z.string()), []),
  skipped: withDefault(z.boolean(), false),
});

export const multipleChoiceInputSchema = z.object({
  type: z.literal('multiple_choice'),
  id: z.string(),
  question: z.string(),
  options: z.array(z.object({ value: z.string() })),
  multiple: withDefault(z.boolean(), false),
  answer: optional(structuredInputAnswerSchema),
});

export const freeformInputSchema = z.object({
  type: z.literal('freeform'),
  id: z.string(),
  question: z.string(),
  description: optional(z.string()),
  answer: optional(structuredInputAnswerSchema),
});

export const structuredInputSchema = z.discriminatedUnion('type', [multipleChoiceInputSchema, freeformInputSchema]);

export const structuredInputResultSchema = z.object({
  status: withDefault(z.enum(['answered', 'skipped']), 'answered'),
  answers: withDefault(z.record(z.string(), structuredInputAnswerSchema), {}),
});
