/** The schemas of the ten kinds of change that `thread.item.updated` carries. */
import * as z from 'zod';
import type { ThreadItemUpdate } from '../update.ts';
import { assistantMessageContentSchema } from './content.ts';
import { generatedImageSchema } from './item.ts';
import { optional } from './primitives.ts';
import { annotationSchema } from './source.ts';
import { taskSchema } from './task.ts';
import { widgetComponentSchema, widgetRootSchema } from './widget.ts';

const index = z.number().int().nonnegative();

export const contentPartAddedSchema = z.object({
  type: z.literal('assistant_message.content_part.added'),
  content_index: index,
  content: assistantMessageContentSchema,
});

export const contentPartTextDeltaSchema = z.object({
  type: z.literal('assistant_message.content_part.text_delta'),
  content_index: index,
  delta: z.string(),
});

export const contentPartAnnotationAddedSchema = z.object({
  type: z.literal('assistant_message.content_part.annotation_added'),
  content_index: index,
  annotation_index: index,
  annotation: annotationSchema,
});

export const contentPartDoneSchema = z.object({
  type: z.literal('assistant_message.content_part.done'),
  content_index: index,
  content: assistantMessageContentSchema,
});

export const widgetStreamingTextDeltaSchema = z.object({
  type: z.literal('widget.streaming_text.value_delta'),
  component_id: z.string(),
  delta: z.string(),
  done: z.boolean(),
});

export const widgetRootUpdatedSchema = z.object({ type: z.literal('widget.root.updated'), widget: widgetRootSchema });

export const widgetComponentUpdatedSchema = z.object({
  type: z.literal('widget.component.updated'),
  component_id: z.string(),
  component: widgetComponentSchema,
});

export const workflowTaskAddedSchema = z.object({
  type: z.literal('workflow.task.added'),
  task_index: index,
  task: taskSchema,
});

export const workflowTaskUpdatedSchema = z.object({
  type: z.literal('workflow.task.updated'),
  task_index: index,
  task: taskSchema,
});

export const generatedImageUpdatedSchema = z.object({
  type: z.literal('generated_image.updated'),
  image: generatedImageSchema,
  progress: optional(z.number()),
});

/** Annotated with a named type, so that editors and declaration files show the name instead of all members. */
export const threadItemUpdateSchema: z.ZodType<ThreadItemUpdate> = z.discriminatedUnion('type', [
  contentPartAddedSchema,
  contentPartTextDeltaSchema,
  contentPartAnnotationAddedSchema,
  contentPartDoneSchema,
  widgetStreamingTextDeltaSchema,
  widgetRootUpdatedSchema,
  widgetComponentUpdatedSchema,
  workflowTaskAddedSchema,
  workflowTaskUpdatedSchema,
  generatedImageUpdatedSchema,
]);
