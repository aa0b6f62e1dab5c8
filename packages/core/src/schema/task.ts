/** The schemas of the steps that an assistant shows while it works: tasks, and the workflow that groups them. */
import * as z from 'zod';
import { optional, withDefault } from './primitives.ts';
import { fileSourceSchema, urlSourceSchema } from './source.ts';

export const statusIndicatorSchema = z.enum(['none', 'loading', 'complete']);

const taskBase = { status_indicator: withDefault(statusIndicatorSchema, 'none') };

export const customTaskSchema = z.object({
  type: z.literal('custom'),
  ...taskBase,
  title: optional(z.string()),
  icon: optional(z.string()),
  content: optional(z.string()),
});

export const webSearchTaskSchema = z.object({
  type: z.literal('web_search'),
  ...taskBase,
  title: optional(z.string()),
  title_query: optional(z.string()),
  queries: withDefault(z.array(z.string()), []),
  sources: withDefault(z.array(urlSourceSchema), []),
});

export const thoughtTaskSchema = z.object({
  type: z.literal('thought'),
  ...taskBase,
  title: optional(z.string()),
  content: z.string(),
});

export const fileTaskSchema = z.object({
  type: z.literal('file'),
  ...taskBase,
  title: optional(z.string()),
  sources: withDefault(z.array(fileSourceSchema), []),
});

export const imageTaskSchema = z.object({ type: z.literal('image'), ...taskBase, title: optional(z.string()) });

export const taskSchema = z.discriminatedUnion('type', [
  customTaskSchema,
  webSearchTaskSchema,
  thoughtTaskSchema,
  fileTaskSchema,
  imageTaskSchema,
]);

export const customSummarySchema = z.object({ title: z.string(), icon: optional(z.string()) });

export const durationSummarySchema = z.object({ duration: z.number().int() });

export const workflowSchema = z.object({
  type: z.enum(['custom', 'reasoning']),
  tasks: z.array(taskSchema),
  // The summary has no `type`: the field that is present tells which one it is.
  summary: optional(z.union([customSummarySchema, durationSummarySchema])),
  expanded: withDefault(z.boolean(), false),
});
