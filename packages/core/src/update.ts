/** The types of updates, the changes of an item while it is being written. */
import type { AssistantMessageContent } from './content.ts';
import type { GeneratedImage } from './item.ts';
import type { Annotation } from './source.ts';
import type { Task } from './task.ts';
import type { WidgetComponent, WidgetRoot } from './widget.ts';

/** Any change that `thread.item.updated` carries, discriminated by `type`. */
export type ThreadItemUpdate =
  | ContentPartAdded
  | ContentPartTextDelta
  | ContentPartAnnotationAdded
  | ContentPartDone
  | WidgetStreamingTextDelta
  | WidgetRootUpdated
  | WidgetComponentUpdated
  | WorkflowTaskAdded
  | WorkflowTaskUpdated
  | GeneratedImageUpdated;

/** The update of one type: `ThreadItemUpdateOf<'workflow.task.added'>`. */
export type ThreadItemUpdateOf<T extends ThreadItemUpdate['type']> = Extract<ThreadItemUpdate, { type: T }>;

/** A part of an assistant's message begins. */
export type ContentPartAdded = {
  type: 'assistant_message.content_part.added';
  /** Which part of the message, from 0. */
  content_index: number;
  content: AssistantMessageContent;
};

/** Text that is appended to a part: the token of a token stream. */
export type ContentPartTextDelta = {
  type: 'assistant_message.content_part.text_delta';
  /** Which part of the message, from 0. */
  content_index: number;
  /** The text to append. */
  delta: string;
};

/** An annotation is inserted into a part. */
export type ContentPartAnnotationAdded = {
  type: 'assistant_message.content_part.annotation_added';
  /** Which part of the message, from 0. */
  content_index: number;
  /** The index among the part's annotations, from 0; later ones move up. */
  annotation_index: number;
  annotation: Annotation;
};

/** A part is complete: `content` replaces what was streamed of it. */
export type ContentPartDone = {
  type: 'assistant_message.content_part.done';
  /** Which part of the message, from 0. */
  content_index: number;
  content: AssistantMessageContent;
};

/** Text that is appended to the value of a `Text` or `Markdown` component. */
export type WidgetStreamingTextDelta = {
  type: 'widget.streaming_text.value_delta';
  /** The `id` of the component. */
  component_id: string;
  delta: string;
  /** Whether this is the last delta. */
  done: boolean;
};

/** The widget is replaced as a whole. */
export type WidgetRootUpdated = {
  type: 'widget.root.updated';
  widget: WidgetRoot;
};

/** One component of the widget is replaced. */
export type WidgetComponentUpdated = {
  type: 'widget.component.updated';
  /** The `id` of the component. */
  component_id: string;
  component: WidgetComponent;
};

/** A task is added to the workflow. */
export type WorkflowTaskAdded = {
  type: 'workflow.task.added';
  /** The place among the workflow's tasks, from 0. */
  task_index: number;
  task: Task;
};

/** One task of the workflow is replaced. */
export type WorkflowTaskUpdated = {
  type: 'workflow.task.updated';
  /** The place among the workflow's tasks, from 0. */
  task_index: number;
  task: Task;
};

/** A preview of an image, or the image itself. */
export type GeneratedImageUpdated = {
  type: 'generated_image.updated';
  image: GeneratedImage;
  /** From 0 to 1. */
  progress?: number | undefined;
};
