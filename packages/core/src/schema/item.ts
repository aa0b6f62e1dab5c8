/** The schemas of the eleven kinds of item in a thread. */
import * as z from 'zod';
import type { ThreadItem } from '../item.ts';
import { attachmentSchema } from './attachment.ts';
import { assistantMessageContentSchema, inferenceOptionsSchema, userMessageContentSchema } from './content.ts';
import { jsonObjectSchema, jsonSchema, optional, timestampSchema, withDefault } from './primitives.ts';
import { structuredInputSchema } from './structured-input.ts';
import { taskSchema, workflowSchema } from './task.ts';
import { widgetRootSchema } from './widget.ts';

const itemBase = { id: z.string(), thread_id: z.string(), created_at: timestampSchema };

export const userMessageItemSchema = z.object({
  type: z.literal('user_message'),
  ...itemBase,
  content: z.array(userMessageContentSchema),
  attachments: withDefault(z.array(attachmentSchema), []),
  quoted_text: optional(z.string()),
  inference_options: withDefault(inferenceOptionsSchema, {}),
});

export const assistantMessageItemSchema = z.object({
  type: z.literal('assistant_message'),
  ...itemBase,
  content: z.array(assistantMessageContentSchema),
});

export const clientToolCallItemSchema = z.object({
  type: z.literal('client_tool_call'),
  ...itemBase,
  status: withDefault(z.enum(['pending', 'completed']), 'pending'),
  call_id: z.string(),
  name: z.string(),
  arguments: jsonObjectSchema,
  // The Python SDK writes neither a null output nor the output of a pending call, so both read as absent.
  output: optional(jsonSchema),
});

export const widgetItemSchema = z.object({
  type: z.literal('widget'),
  ...itemBase,
  widget: widgetRootSchema,
  copy_text: optional(z.string()),
});

export const generatedImageSchema = z.object({ id: z.string(), url: z.string() });

export const generatedImageItemSchema = z.object({
  type: z.literal('generated_image'),
  ...itemBase,
  image: optional(generatedImageSchema),
});

export const structuredInputItemSchema = z.object({
  type: z.literal('structured_input'),
  ...itemBase,
  status: withDefault(z.enum(['pending', 'answered', 'skipped']), 'pending'),
  inputs: z.array(structuredInputSchema),
});

export const taskItemSchema = z.object({ type: z.literal('task'), ...itemBase, task: taskSchema });

export const workflowItemSchema = z.object({ type: z.literal('workflow'), ...itemBase, workflow: workflowSchema });

export const endOfTurnItemSchema = z.object({ type: z.literal('end_of_turn'), ...itemBase });

export const hiddenContextItemSchema = z.object({
  type: z.literal('hidden_context_item'),
  ...itemBase,
  // Any JSON; the Python SDK omits the field when it is null.
  content: optional(jsonSchema),
});

export const sdkHiddenContextItemSchema = z.object({
  type: z.literal('sdk_hidden_context'),
  ...itemBase,
  content: z.string(),
});

/** Annotated with a named type, so that editors and declaration files show the name instead of all members. */
export const threadItemSchema: z.ZodType<ThreadItem> = z.discriminatedUnion('type', [
  userMessageItemSchema,
  assistantMessageItemSchema,
  clientToolCallItemSchema,
  widgetItemSchema,
  generatedImageItemSchema,
  structuredInputItemSchema,
  taskItemSchema,
  workflowItemSchema,
  endOfTurnItemSchema,
  hiddenContextItemSchema,
  sdkHiddenContextItemSchema,
]);
