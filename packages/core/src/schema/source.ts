/** The schemas of what an annotation points at: a file, a web page, or an entity of the application. */
import * as z from 'zod';
import { jsonObjectSchema, optional, withDefault } from './primitives.ts';

const sourceBase = {
  title: z.string(),
  description: optional(z.string()),
  timestamp: optional(z.string()),
  group: optional(z.string()),
};

export const fileSourceSchema = z.object({ type: z.literal('file'), ...sourceBase, filename: z.string() });

export const urlSourceSchema = z.object({
  type: z.literal('url'),
  ...sourceBase,
  url: z.string(),
  attribution: optional(z.string()),
});

export const entitySourceSchema = z.object({
  type: z.literal('entity'),
  ...sourceBase,
  id: z.string(),
  icon: optional(z.string()),
  label: optional(z.string()),
  inline_label: optional(z.string()),
  interactive: withDefault(z.boolean(), false),
  data: withDefault(jsonObjectSchema, {}),
  preview: optional(z.string()),
});

export const sourceSchema = z.discriminatedUnion('type', [fileSourceSchema, urlSourceSchema, entitySourceSchema]);

export const annotationSchema = z.object({
  type: withDefault(z.literal('annotation'), 'annotation'),
  source: sourceSchema,
  index: optional(z.number().int()),
});
